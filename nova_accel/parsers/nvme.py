"""Reads what nvme-cli prints as JSON."""

from dataclasses import dataclass

from nova_accel.exception import ParseError
from nova_accel.parsers import shorten
from nova_accel.parsers.tolerant_json import JsonObject, load

_TOOL = "nvme id-ctrl"
_OACS_FORMAT = 1 << 1
_ONCS_WRITE_ZEROES = 1 << 3


@dataclass(frozen=True)
class ControllerAbilities:
    """What a controller says it can do; NVM Express base specification, Identify Controller."""

    can_format: bool
    can_write_zeroes: bool


def parse_id_ctrl(text: str) -> ControllerAbilities:
    """Read ``nvme id-ctrl -o json``.

    :raises ParseError: when it is not one JSON object with the numbers oacs and oncs, each once
    """
    answer = load(_TOOL, text)
    if not isinstance(answer, JsonObject):
        raise ParseError(_TOOL, "no JSON object", shorten(text))
    try:
        return ControllerAbilities(
            can_format=bool(_number(answer, "oacs") & _OACS_FORMAT),
            can_write_zeroes=bool(_number(answer, "oncs") & _ONCS_WRITE_ZEROES),
        )
    except ValueError as error:
        raise ParseError(_TOOL, str(error), shorten(text)) from error


def _number(answer: JsonObject, field: str) -> int:
    value = answer.integer(field)
    if value is None:
        raise ValueError(f"no number {field}")
    return value
