"""JSON as a tool may print it on its worst day: nothing is lost when a key comes twice, and no number or nesting is too much."""

import json
import re
from dataclasses import dataclass

from nova_accel.exception import ParseError
from nova_accel.parsers import QUOTED, quote, shorten

_MOST = 2**64 - 1
_MOST_DIGITS = 24
_LONGEST_TEXT = 1000
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class JsonObject:
    """One object with all that stood in it.

    The readers below return None where the key is absent or null, and raise ValueError where its value is of the wrong sort or the
    key comes more than once.
    """

    pairs: tuple[tuple[str, object], ...]

    def values(self, key: str) -> tuple[object, ...]:
        """Every value that the key has."""
        return tuple(value for name, value in self.pairs if name == key)

    def get(self, key: str) -> object:
        """The value as it is."""
        values = self.values(key)
        if len(values) > 1:
            raise ValueError(f"{key} comes {len(values)} times")
        return values[0] if values else None

    def text(self, key: str) -> str | None:
        """The value as a text of at most 1000 characters, whatever they are."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            raise ValueError(f"{key} is no text of a usual length")
        return value

    def word(self, key: str, pattern: re.Pattern[str] = _WORD) -> str | None:
        """The value as a word that may go into a path or a log."""
        value = self.text(key)
        if value is not None and not pattern.fullmatch(value):
            raise ValueError(f"{key} is {quote(value)}")
        return value

    def integer(self, key: str, least: int = 0) -> int | None:
        """The value as a whole number of at most 64 bits; true and 1.0 are none."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            raise ValueError(f"{key} is no whole number from {least} to 2^64")
        return value

    def child(self, key: str) -> "JsonObject | None":
        """The value as an object."""
        value = self.get(key)
        if value is not None and not isinstance(value, JsonObject):
            raise ValueError(f"{key} is no object")
        return value

    def children(self, key: str) -> "tuple[JsonObject, ...]":
        """The value as an array of objects; none where the key is absent."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise ValueError(f"{key} is no array")  # noqa: TRY004 - one error for all that a record can have wrong
        found = tuple(item for item in value if isinstance(item, JsonObject))
        if len(found) != len(value):
            raise ValueError(f"{key} holds something that is no object")
        return found


def load(tool: str, text: str) -> object:
    """Read a text as JSON: JsonObject, list, str, int, float, bool or None.

    :raises ParseError: when it is no JSON, or nested deeper than Python reads
    """
    try:
        # strict=False: a control character in a text is that text's fault, not the whole output's.
        document: object = json.loads(text, object_pairs_hook=_object, parse_int=_number, strict=False)
    except (ValueError, RecursionError) as error:
        raise ParseError(tool, "no JSON", shorten(text)) from error
    return document


def excerpt(value: object) -> str:
    """Quote the beginning of a value; no more of it is written than is shown, so depth and size do not matter."""
    written = ""
    for chunk in json.JSONEncoder(default=lambda one: dict(one.pairs)).iterencode(value):
        written += chunk
        if len(written) > QUOTED:
            break
    return quote(written)


def _object(pairs: list[tuple[str, object]]) -> JsonObject:
    return JsonObject(tuple(pairs))


def _number(digits: str) -> int | float:
    # Python refuses to make an int of thousands of digits; as a float it is merely of the wrong sort.
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)
