"""Reads ``nvme_ssd_filter`` and applies it."""

import fnmatch
import re
from dataclasses import dataclass

from nova_accel.drivers.base import SeenFunction
from nova_accel.exception import ConfigurationError

_OPTION = "nvme_ssd_filter"
_FOUR_DIGITS = re.compile(r"[0-9a-f]{4}", re.ASCII)
_ADDRESS_PATTERN = re.compile(r"[0-9a-f:.*]+", re.ASCII)
_KEYS = ("vendor_id", "product_id", "address", "serial")


@dataclass(frozen=True)
class SsdFilter:
    """One filter; what it does not name, it does not care about."""

    vendor_id: int | None = None
    product_id: int | None = None
    address: str = "*"
    serial: str = "*"

    @classmethod
    def parse(cls, text: str) -> "SsdFilter":
        """Read ``vendor_id:8086,serial:PHLJ*``.

        :raises ConfigurationError: for an unknown or repeated key, a missing or empty pattern or a wrong number
        """
        patterns: dict[str, str] = {}
        for part in text.split(","):
            key, colon, pattern = (piece.strip() for piece in part.partition(":"))
            if key not in _KEYS or not colon or not pattern or key in patterns:
                raise ConfigurationError(
                    _OPTION, text, f"expected key:pattern with each key once, out of {', '.join(_KEYS)}"
                )
            patterns[key] = pattern
        address = patterns.get("address", "*").lower()
        if not _ADDRESS_PATTERN.fullmatch(address):
            raise ConfigurationError(_OPTION, text, "an address looks like 0000:5e:00.0, with * for any characters")
        return cls(
            vendor_id=_number(patterns.get("vendor_id", "*"), text),
            product_id=_number(patterns.get("product_id", "*"), text),
            address=address,
            serial=patterns.get("serial", "*"),
        )

    def passes(self, function: SeenFunction) -> bool:
        """Whether every part of the filter fits. An SSD without a known serial passes only if no serial is asked for."""
        record = function.record
        return (
            self.vendor_id in (None, record.vendor_id)
            and self.product_id in (None, record.product_id)
            and fnmatch.fnmatchcase(str(record.address), self.address)
            and (self.serial == "*" or fnmatch.fnmatchcase(function.serial or "", self.serial))
        )


def _number(pattern: str, text: str) -> int | None:
    if pattern == "*":
        return None
    if not _FOUR_DIGITS.fullmatch(pattern.lower()):
        raise ConfigurationError(_OPTION, text, f"{pattern!r} is neither four hexadecimal digits nor *")
    return int(pattern, 16)
