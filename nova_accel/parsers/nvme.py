"""Reads what nvme-cli prints as JSON."""

import json
from dataclasses import dataclass
from typing import Any

from nova_accel.exception import ParseError
from nova_accel.parsers import quote

_OACS_FORMAT = 1 << 1
_ONCS_WRITE_ZEROES = 1 << 3


@dataclass(frozen=True)
class ControllerAbilities:
    """What a controller says it can do; NVM Express base specification, Identify Controller."""

    can_format: bool
    can_write_zeroes: bool


def parse_id_ctrl(text: str) -> ControllerAbilities:
    """Read ``nvme id-ctrl -o json``.

    :raises ParseError: when it is not one JSON object with the numbers oacs and oncs
    """
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseError("nvme id-ctrl", "no JSON", quote(text)) from error
    if not isinstance(answer, dict):
        raise ParseError("nvme id-ctrl", "no JSON object", quote(text))
    return ControllerAbilities(
        can_format=bool(_number(answer, "oacs") & _OACS_FORMAT),
        can_write_zeroes=bool(_number(answer, "oncs") & _ONCS_WRITE_ZEROES),
    )


def _number(answer: dict[str, Any], field: str) -> int:
    value = answer.get(field)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ParseError("nvme id-ctrl", f"no number {field}", quote(json.dumps(answer, default=str)))
    return value
