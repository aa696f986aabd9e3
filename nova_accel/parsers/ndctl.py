"""Reads what ``ndctl list`` prints as JSON, whatever it was asked for: namespaces, regions, DIMMs, and all of them nested.

See ndctl-list(1). Sizes must be in bytes: with ``-u`` they are words for people, and such a record is not read.
"""

import re
from dataclasses import dataclass

from nova_accel.exception import ParseError
from nova_accel.parsers import quote, shorten
from nova_accel.parsers.ndctl_tree import REGION, Item, items
from nova_accel.parsers.tolerant_json import JsonObject, excerpt, load

_TOOL = "ndctl list"
_NO_UUID = "00000000-0000-0000-0000-000000000000"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_NAMESPACE = re.compile(r"namespace([0-9]{1,9})\.[0-9]{1,9}", re.ASCII)
_DIMM = re.compile(r"nmem[0-9]{1,9}", re.ASCII)
_CHARDEV = re.compile(r"dax[0-9]{1,9}\.[0-9]{1,9}", re.ASCII)
_STATES = {None: True, "enabled": True, "disabled": False}


@dataclass(frozen=True)
class NamespaceRecord:
    """One namespace of persistent memory."""

    dev: str
    """The kernel's name such as ``namespace0.1``; it changes when namespaces are made again."""
    region: str | None
    mode: str
    """``devdax``, ``fsdax``, ``sector`` or ``raw``; ``unknown`` where ndctl did not say."""
    size_bytes: int
    """What is left of it for data; 0 exists."""
    uuid: str | None
    """Of the device-dax, fsdax or sector layout inside; the label's own where there is no layout."""
    raw_uuid: str | None
    """Of the label, where a layout has another one; shown with ``-i`` or ``-v`` only."""
    name: str | None
    """As the operator gave it: any characters, and not unique."""
    chardev: str | None
    blockdev: str | None
    align_bytes: int | None
    map: str | None
    numa_node: int | None
    enabled: bool
    dax_mode: str | None
    """Of its one dax device: ``devdax`` or ``system-ram``; None without a device, with several, or without ``-v``."""
    bad_blocks: int = 0
    """Blocks of 512 bytes that the kernel knows to be bad; ndctl says it without being asked where there are any."""

    @property
    def label_uuid(self) -> str | None:
        """The uuid in the namespace's label, which stays when it is disabled or given another layout. None without one."""
        uuid = self.raw_uuid or self.uuid
        return None if uuid == _NO_UUID else uuid

    @property
    def is_seed(self) -> bool:
        """Whether it is only the empty slot that the kernel keeps for the next namespace."""
        return self.size_bytes == 0 and not self.enabled and self.label_uuid is None


@dataclass(frozen=True)
class RegionRecord:
    """One region: a DIMM or an interleaved set of them."""

    dev: str
    size_bytes: int
    available_bytes: int
    type: str
    numa_node: int | None
    iset_id: int | None
    """The interleave set's cookie as an unsigned number (ndctl prints half of them as negative ones); None without labels."""
    dimms: tuple[str, ...]


@dataclass(frozen=True)
class DimmRecord:
    """One NVDIMM."""

    dev: str
    id: str | None
    """Vendor and serial number, such as ``8680-57341200``, or with location and date between them."""
    handle: int | None


@dataclass(frozen=True)
class Listing:
    """What ndctl listed, and a sentence for each record that could not be read."""

    namespaces: tuple[NamespaceRecord, ...] = ()
    regions: tuple[RegionRecord, ...] = ()
    dimms: tuple[DimmRecord, ...] = ()
    warnings: tuple[str, ...] = ()


def parse(text: str) -> Listing:
    """Read every namespace, region and DIMM. Buses only hold others; ``{}``, ``[]`` and no text at all are empty.

    :param text: standard output of ``ndctl list``, in any state
    :raises ParseError: when it is neither empty nor a JSON object or array
    """
    if not text.strip():
        return Listing()
    document = load(_TOOL, text)
    if not isinstance(document, JsonObject | list):
        raise ParseError(_TOOL, "neither a JSON object nor an array", shorten(text))
    read = [_read(item) for item in items(document)]
    return Listing(
        namespaces=tuple(one for one in read if isinstance(one, NamespaceRecord)),
        regions=tuple(one for one in read if isinstance(one, RegionRecord)),
        dimms=tuple(one for one in read if isinstance(one, DimmRecord)),
        warnings=tuple(one for one in read if isinstance(one, str)),
    )


def _read(item: Item) -> NamespaceRecord | RegionRecord | DimmRecord | str:
    try:
        return _record(item)
    except ValueError as error:
        return f"{_TOOL} printed a record that cannot be read ({error}): {excerpt(item.value)}"


def _record(item: Item) -> NamespaceRecord | RegionRecord | DimmRecord:
    if not isinstance(item.value, JsonObject):
        raise ValueError("no object")  # noqa: TRY004 - as above: one error for all that a record can have wrong
    dev = item.value.text("dev") or ""
    if _NAMESPACE.fullmatch(dev):
        return _namespace(dev, item.value, item.region)
    if REGION.fullmatch(dev):
        return _region(dev, item.value)
    if _DIMM.fullmatch(dev):
        return DimmRecord(dev, id=item.value.text("id"), handle=item.value.integer("handle"))
    raise ValueError(f"dev is {quote(dev)}" if dev else "no dev")


def _namespace(dev: str, one: JsonObject, region: str | None) -> NamespaceRecord:
    dax = _dax_device(one)
    return NamespaceRecord(
        dev=dev,
        region=region or f"region{dev.removeprefix('namespace').partition('.')[0]}",
        mode=one.word("mode") or "unknown",
        size_bytes=_needed(one, "size"),
        uuid=_uuid(one, "uuid"),
        raw_uuid=_uuid(one, "raw_uuid"),
        name=one.text("name") or None,
        chardev=one.word("chardev", _CHARDEV) or (dax.word("chardev", _CHARDEV) if dax else None),
        blockdev=one.word("blockdev"),
        align_bytes=one.integer("align"),
        map=one.word("map"),
        numa_node=_numa_node(one),
        enabled=_enabled(one),
        dax_mode=dax.word("mode") if dax else None,
        bad_blocks=_bad_blocks(one),
    )


def _bad_blocks(one: JsonObject) -> int:
    # ndctl has an unsigned number and prints it as a signed one.
    return (one.integer("badblock_count", least=-(2**31)) or 0) % 2**32


def _region(dev: str, one: JsonObject) -> RegionRecord:
    iset_id = one.integer("iset_id", least=-(2**63))
    return RegionRecord(
        dev=dev,
        size_bytes=_needed(one, "size"),
        available_bytes=_needed(one, "available_size"),
        type=one.word("type") or "unknown",
        numa_node=_numa_node(one),
        iset_id=None if iset_id is None else iset_id % 2**64,
        dimms=tuple(_dimm_of(mapping) for mapping in one.children("mappings")),
    )


def _dimm_of(mapping: JsonObject) -> str:
    dimm = mapping.word("dimm", _DIMM)
    if dimm is None:
        raise ValueError("a mapping without dimm")
    return dimm


def _dax_device(namespace: JsonObject) -> JsonObject | None:
    region = namespace.child("daxregion")
    devices = region.children("devices") if region else ()
    return devices[0] if len(devices) == 1 else None


def _needed(one: JsonObject, key: str) -> int:
    value = one.integer(key)
    if value is None:
        raise ValueError(f"no {key}")
    return value


def _numa_node(one: JsonObject) -> int | None:
    node = one.integer("numa_node", least=-1)
    return None if node == -1 else node


def _uuid(one: JsonObject, key: str) -> str | None:
    value = one.word(key, _UUID)
    return value.lower() if value else None


def _enabled(one: JsonObject) -> bool:
    state = one.word("state")
    if state not in _STATES:
        raise ValueError(f"state is {quote(state or '')}")
    return _STATES[state]
