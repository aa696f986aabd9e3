"""Whether something else in nova.conf gives our devices away too."""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.checks.result import Result, failure, ok
from nova_accel.eligibility.verdict import Reason
from nova_accel.model import PciAddress

_FIELDS = ("domain", "bus", "slot", "function")


def double(facts: Facts) -> Result:
    """``[pci] device_spec`` and ``[libvirt] pmem_namespaces`` name nothing that we offer."""
    found = [*_seen(facts), *_by_device_spec(facts), *_by_pmem_namespaces(facts)]
    if found:
        return failure(
            "; ".join(dict.fromkeys(found)),
            "Take each out of [pci] device_spec and [libvirt] pmem_namespaces, or out of [nova_accel].",
        )
    return ok("no other option of nova.conf names what nova_accel offers")


def _seen(facts: Facts) -> Iterator[str]:
    """What nova-compute found, by Nova's own reading of these options."""
    for address, sighting in facts.sightings().items():
        if sighting.reason == Reason.DOUBLE_OWNER.value:
            yield f"{address}: {sighting.sentence}"


def _by_device_spec(facts: Facts) -> Iterator[str]:
    """What nova.conf says now, which nova-compute may not have read yet."""
    specs = [one for text in facts.configured.device_specs for one in _specs(text)]
    for address, sighting in facts.sightings().items():
        ids = _ids(facts, address) if sighting.driver else None
        if (
            ids is not None
            and sighting.reason != Reason.DOUBLE_OWNER.value
            and any(_names(one, address, ids) for one in specs)
        ):
            yield f"[pci] device_spec names {address} too"


def _specs(text: str) -> list[Mapping[str, object]]:
    try:
        read = json.loads(text)
    except ValueError:  # nova-compute says so itself, and does not start
        return []
    return [one for one in (read if isinstance(read, list) else [read]) if isinstance(one, dict)]


def _ids(facts: Facts, address: str) -> tuple[str, str] | None:
    """Vendor and product id of a PCI function; None for what is none, such as a namespace, and for what is gone."""
    folder = facts.roots.sys / "bus/pci/devices" / address
    vendor, product = (facts.roots.read(folder / name) for name in ("vendor", "device"))
    return (vendor.removeprefix("0x"), product.removeprefix("0x")) if vendor and product else None


def _names(spec: Mapping[str, object], address: str, ids: Sequence[str]) -> bool:
    if "devname" in spec:  # a network interface
        return False
    for key, found in zip(("vendor_id", "product_id"), ids, strict=True):
        if str(spec.get(key, "*")).lower().removeprefix("0x") not in ("*", found):
            return False
    return _address_fits(spec.get("address", "*"), PciAddress.parse(address))


def _address_fits(wanted: object, address: PciAddress) -> bool:
    found = (f"{address.domain:04x}", f"{address.bus:02x}", f"{address.slot:02x}", f"{address.function:x}")
    if isinstance(wanted, dict):  # regular expressions by field
        try:
            return all(re.match(str(wanted.get(name, ".*")), one) for name, one in zip(_FIELDS, found, strict=True))
        except re.error:
            return False
    left, _, function = str(wanted).lower().partition(".")
    fields = ["*", "*", "*", *(part or "*" for part in left.split(":"))][-3:]
    return all(
        fnmatch.fnmatchcase(one, pattern) for one, pattern in zip(found, [*fields, function or "*"], strict=True)
    )


def _by_pmem_namespaces(facts: Facts) -> Iterator[str]:
    ours = _namespaces(facts.configured.settings.pmem_namespaces)
    for name in sorted(ours & _namespaces(facts.configured.nova_pmem_namespaces)):
        yield f"[libvirt] pmem_namespaces names {name} too"


def _namespaces(values: Sequence[str]) -> set[str]:
    """The names in ``LABEL:name|name``."""
    return {name.strip() for value in values for name in value.partition(":")[2].split("|") if name.strip()}
