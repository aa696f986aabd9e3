"""Reads what nvme-cli prints as JSON."""

import enum
import re
from dataclasses import dataclass

from nova_accel.exception import ParseError
from nova_accel.parsers import shorten
from nova_accel.parsers.tolerant_json import JsonObject, load

_ID_CTRL = "nvme id-ctrl"
_SANITIZE_LOG = "nvme sanitize-log"

_OACS_FORMAT = 1 << 1
_OACS_MANAGES_NAMESPACES = 1 << 3
_ONCS_WRITE_ZEROES = 1 << 3
_FNA_OF_ALL_NAMESPACES = 1 << 0 | 1 << 1
_FNA_CRYPTO = 1 << 2
_SANICAP_CRYPTO, _SANICAP_BLOCK, _SANICAP_OVERWRITE = 1 << 0, 1 << 1, 1 << 2
_CMIC_SHARED = 1 << 1 | 1 << 2
_SCDW10_ACTION = 0b111

_STATUS = re.compile(r"\((\d{1,2})\)", re.ASCII)
_DIGITS = re.compile(r"\d{1,39}", re.ASCII)
_ACTIONS = {2: "block", 3: "overwrite", 4: "crypto"}

SANITIZE_DONE = 1 << 16
"""What :attr:`SanitizeLog.progress` goes to."""


@dataclass(frozen=True)
class ControllerAbilities:
    """What a controller says it can do; NVM Express base specification, Identify Controller."""

    can_format: bool
    can_write_zeroes: bool
    can_format_crypto: bool = False
    can_sanitize_block: bool = False
    can_sanitize_crypto: bool = False
    can_sanitize_overwrite: bool = False
    is_shared: bool = False
    """Its NVM subsystem may have other controllers, virtual functions among them."""
    formats_all: bool = False
    """A format is for every namespace of the subsystem, whichever it was asked for."""
    manages_namespaces: bool = False
    """Namespaces can be made, deleted, attached and detached."""
    unallocated_bytes: int = 0
    """What of the NVM subsystem is in no namespace, where such can be made; 0 where it does not say."""


class SanitizeStatus(enum.Enum):
    """How the most recent sanitize went."""

    NEVER = 0
    DONE = 1
    UNDER_WAY = 2
    FAILED = 3
    DONE_NOT_DEALLOCATED = 4


@dataclass(frozen=True)
class SanitizeLog:
    """What a controller says of the most recent sanitize; NVM Express base specification, Sanitize Status."""

    status: SanitizeStatus
    progress: int
    """In 65536ths; counts only while it is under way."""
    action: str
    """``block``, ``crypto`` or ``overwrite``; empty when it was none of these, or never."""
    is_untouched: bool = False
    """Nothing was written since."""


def parse_id_ctrl(text: str) -> ControllerAbilities:
    """Read ``nvme id-ctrl -o json``.

    What a release of the tool does not print the controller is taken not to offer; one that does not say so is taken to be shared.

    :raises ParseError: when it is not one JSON object with the numbers oacs and oncs, each once
    """
    answer = load(_ID_CTRL, text)
    if not isinstance(answer, JsonObject):
        raise ParseError(_ID_CTRL, "no JSON object", shorten(text))
    try:
        return _abilities(answer)
    except ValueError as error:
        raise ParseError(_ID_CTRL, str(error), shorten(text)) from error


def _abilities(answer: JsonObject) -> ControllerAbilities:
    oacs, oncs = _number(answer, "oacs"), _number(answer, "oncs")
    fna, sanicap = answer.integer("fna") or 0, answer.integer("sanicap") or 0
    cmic = answer.integer("cmic")
    manages = bool(oacs & _OACS_MANAGES_NAMESPACES)
    return ControllerAbilities(
        can_format=bool(oacs & _OACS_FORMAT),
        can_write_zeroes=bool(oncs & _ONCS_WRITE_ZEROES),
        can_format_crypto=bool(oacs & _OACS_FORMAT and fna & _FNA_CRYPTO),
        can_sanitize_block=bool(sanicap & _SANICAP_BLOCK),
        can_sanitize_crypto=bool(sanicap & _SANICAP_CRYPTO),
        can_sanitize_overwrite=bool(sanicap & _SANICAP_OVERWRITE),
        is_shared=cmic is None or bool(cmic & _CMIC_SHARED),
        formats_all=bool(fna & _FNA_OF_ALL_NAMESPACES),
        manages_namespaces=manages,
        unallocated_bytes=_large_number(answer, "unvmcap") if manages else 0,
    )


def parse_sanitize_log(text: str) -> SanitizeLog:
    """Read ``nvme sanitize-log -o json``, of nvme-cli 1 and 2.

    :raises ParseError: when it is not the log of one controller
    """
    try:
        return _log(_only_log(load(_SANITIZE_LOG, text)))
    except ValueError as error:
        raise ParseError(_SANITIZE_LOG, str(error), shorten(text)) from error


def _only_log(document: object) -> JsonObject:
    """The log stands under the controller's name."""
    values = [value for _, value in document.pairs] if isinstance(document, JsonObject) else []
    logs = [value for value in values if isinstance(value, JsonObject) and value.values("sstat")]
    if len(logs) != 1:
        raise ValueError(f"{len(logs)} logs")
    return logs[0]


def _log(log: JsonObject) -> SanitizeLog:
    progress, command = _number(log, "sprog"), _number(log, "cdw10_info")
    if progress >= SANITIZE_DONE:
        raise ValueError("sprog is no 65536th")
    sstat = log.child("sstat")
    untouched = sstat.integer("global_erased") if sstat else None
    return SanitizeLog(_status(log), progress, _ACTIONS.get(command & _SCDW10_ACTION, ""), bool(untouched))


def _status(log: JsonObject) -> SanitizeStatus:
    sstat = log.child("sstat")
    # Such as "status": "(2) Sanitize in Progress."; some releases, as 2.8, write the words where "status" would be.
    texts = [value for _, value in sstat.pairs if isinstance(value, str)] if sstat else []
    matches = [match for match in map(_STATUS.match, texts) if match]
    if len(matches) != 1:
        raise ValueError(f"sstat has {len(matches)} statuses")
    return SanitizeStatus(int(matches[0][1]))


def _number(answer: JsonObject, field: str) -> int:
    value = answer.integer(field)
    if value is None:
        raise ValueError(f"no number {field}")
    return value


def _large_number(answer: JsonObject, field: str) -> int:
    """One of 128 bits, which the releases print as a number or as a text; 0 where it is absent."""
    value = answer.get(field)
    if value is None:
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise ValueError(f"{field} is no number of bytes")
    return int(value)
