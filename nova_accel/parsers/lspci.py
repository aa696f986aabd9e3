"""Reads ``lspci -Dnmm``, and ``-Dnnmm``, which adds names in front of the numbers.

A line is: slot, class, vendor, device, then options such as ``-r02`` and ``-p02``, then subsystem vendor and device. See
lspci(8), "Machine-readable output"; a missing ``-p`` means programming interface 00.
"""

import re

from nova_accel.model import PciAddress, PciRecord
from nova_accel.parsers import Parsed, quote

_FIELD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_NUMBER = re.compile(r"[0-9a-f]{4}", re.ASCII)
_NAME_AND_NUMBER = re.compile(r"(.*) \[([0-9a-f]{4})\]", re.ASCII | re.DOTALL)
_PROG_IF = re.compile(r"-p([0-9a-f]{2})", re.ASCII)


def parse(text: str) -> Parsed[PciRecord]:
    """Read every PCI function that lspci listed.

    :param text: standard output of lspci, in any state
    :returns: one record per readable line, one warning per other non-empty line
    """
    records: list[PciRecord] = []
    warnings: list[str] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            records.append(_record(line))
        except ValueError as error:
            warnings.append(f"lspci printed a line that cannot be read ({error}): {quote(line)}")
    return Parsed(tuple(records), tuple(warnings))


def _record(line: str) -> PciRecord:
    found = _FIELD.findall(line)
    fields = [quoted or bare for quoted, bare in found]
    if len(fields) < 4:
        raise ValueError("slot, class, vendor and device are needed")
    vendor_id, vendor_name = _number(fields[2])
    product_id, product_name = _number(fields[3])
    return PciRecord(
        address=PciAddress.parse(fields[0]),
        class_id=_number(fields[1])[0],
        prog_if=_prog_if([bare for _, bare in found[4:]]),
        vendor_id=vendor_id,
        product_id=product_id,
        vendor_name=vendor_name,
        product_name=product_name,
    )


def _number(field: str) -> tuple[int, str | None]:
    if _NUMBER.fullmatch(field):
        return int(field, 16), None
    named = _NAME_AND_NUMBER.fullmatch(field)
    if named is None:
        raise ValueError(f"{field[:40]!r} holds no four-digit number")
    return int(named[2], 16), named[1]


def _prog_if(options: list[str]) -> int:
    given = [option for option in options if option.startswith("-p")]
    if not given:
        return 0
    match = _PROG_IF.fullmatch(given[0])
    if match is None or len(given) > 1:
        # Taken for 00, an NVMe SSD would be no NVMe SSD, and nobody would hear of it.
        raise ValueError(f"{given[-1][:40]!r} is no programming interface")
    return int(match[1], 16)
