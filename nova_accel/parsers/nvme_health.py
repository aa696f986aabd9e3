"""Reads what ``nvme smart-log -o json`` prints: how an SSD says it is."""

from dataclasses import dataclass

from nova_accel.exception import ParseError
from nova_accel.parsers import shorten
from nova_accel.parsers.tolerant_json import JsonObject, load

_TOOL = "nvme smart-log"
_MOST = 255  # each of these is one byte in the log page
_WARNING = "critical_warning"
_SPARE = ("avail_spare", "available_spare")
_LEAST_SPARE = ("spare_thresh", "available_spare_threshold")
_USED = ("percent_used", "percentage_used")

# What nvme-cli calls the bits of the warning where it prints each by itself.
_BITS = ("available_spare", "temp_threshold", "reliability_degraded", "ro", "vmbu_failed", "pmr_ro")


@dataclass(frozen=True)
class SsdHealth:
    """What we use of the log page; NVM Express base specification, SMART / Health Information."""

    critical_warning: int
    """Bits, see :mod:`nova_accel.eligibility.health`; 0 is well."""
    spare_percent: int
    """What is left of the spare blocks."""
    least_spare_percent: int
    """Where the vendor sets the limit for them."""
    used_percent: int
    """How much of its life is used, by the vendor's estimate: it may go beyond 100, and 255 stands for all above 254."""


def parse(text: str) -> SsdHealth:
    """Read one log page, in any of the shapes that versions 1 to 3 of nvme-cli print.

    :raises ParseError: when it is not one JSON object with the four numbers, each once and from 0 to 255
    """
    answer = load(_TOOL, text)
    if not isinstance(answer, JsonObject):
        raise ParseError(_TOOL, "no JSON object", shorten(text))
    try:
        return SsdHealth(
            critical_warning=_critical_warning(answer),
            spare_percent=_byte(answer, *_SPARE),
            least_spare_percent=_byte(answer, *_LEAST_SPARE),
            used_percent=_byte(answer, *_USED),
        )
    except ValueError as error:
        raise ParseError(_TOOL, str(error), shorten(text)) from error


def _critical_warning(answer: JsonObject) -> int:
    """The bits. With ``-v``, and in every version that may make that its default, they are an object of their own."""
    if not isinstance(answer.get(_WARNING), JsonObject):
        return _byte(answer, _WARNING)
    bits = answer.child(_WARNING)
    assert bits is not None
    if bits.get("value") is not None:
        return _byte(bits, "value")
    found = {place: bits.integer(name) for place, name in enumerate(_BITS)}
    if any(value not in (0, 1, None) for value in found.values()) or set(found.values()) == {None}:
        raise ValueError(f"{_WARNING} has neither a value nor bits")
    return sum(1 << place for place, value in found.items() if value)


def _byte(answer: JsonObject, *names: str) -> int:
    """The number under the one of these names that is there."""
    numbers = [number for number in (answer.integer(name) for name in names) if number is not None]
    if len(numbers) != 1:
        raise ValueError(f"{'no' if not numbers else 'more than one'} number {names[0]}")
    if numbers[0] > _MOST:
        raise ValueError(f"{names[0]} is more than {_MOST}")
    return numbers[0]
