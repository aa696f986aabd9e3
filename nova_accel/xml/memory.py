"""Persistent memory of the host that a guest gets as a whole, as an NVDIMM."""

import math
from dataclasses import dataclass
from typing import Self

from lxml import etree

from nova_accel.xml import alias as names

_KIB = 1024
_MIB_KIB = 1024
_GUEST_ALIGN_KIB = 16 * _MIB_KIB  # libnvdimm's MEMREMAP_COMPAT_ALIGN_MAX


@dataclass(frozen=True)
class NvdimmMemory:
    """``<memory model='nvdimm' access='shared'>``: a dax device of the host, with a label area at its end."""

    path: str
    """What leads to the dax device, such as ``/dev/nova_accel/<uuid>``; libvirt stores it, so it must not lead to another one later."""
    size_kib: int
    """How much of the dax device QEMU maps, from its start; see :meth:`for_dax`."""
    align_kib: int
    """Where QEMU maps it and where the guest sees it are multiples of this, and so is what the guest sees of it. No smaller than the
    dax device's own alignment."""
    alias: str
    """Names the handle in the guest's XML and in QEMU."""
    node: int = 0
    """The guest's NUMA cell that it belongs to."""
    label_kib: int = 2048
    """The end of the mapped part, where the guest keeps its namespace labels: with them it can have several namespaces, each with a
    name and a uuid."""

    @classmethod
    def for_dax(cls, path: str, size_bytes: int, align_bytes: int, alias: str, node: int = 0) -> Self:
        """The element for a whole dax device: as much of it as the kernel, libvirt and QEMU take.

        * The size is the device's, rounded down to whole MiB and to a multiple of its alignment. The kernel maps a dax device in
          multiples of its alignment only; libvirt rounds a size up to whole MiB, and QEMU refuses one that exceeds the device.
        * The alignment is the device's, but at least 16 MiB. A guest's kernel makes namespaces only in multiples of 16 MiB; without
          this, an NVDIMM that stands after one of another size cannot be used at all ("misaligned to 16M").

        What the guest sees of it is :attr:`guest_bytes`. Do not change this rule: the place of a guest's labels depends on it.

        :raises ValueError: when nothing would be left beside the label area
        """
        align_kib = align_bytes // _KIB
        step_kib = math.lcm(align_kib, _MIB_KIB)
        made = cls(
            path=path,
            size_kib=size_bytes // _KIB // step_kib * step_kib,
            align_kib=max(align_kib, _GUEST_ALIGN_KIB),
            alias=alias,
            node=node,
        )
        if made.guest_bytes <= 0:
            raise ValueError(f"{path} of {size_bytes} bytes is too small for its alignment of {align_bytes} bytes")
        return made

    @property
    def guest_bytes(self) -> int:
        """The persistent memory that the guest sees: QEMU takes the label area off, and rounds down to the alignment.

        A dax device of 6 GiB aligned to 2 MiB gives 6128 MiB. One aligned to 1 GiB loses 1 GiB.
        """
        return (self.size_kib - self.label_kib) // self.align_kib * self.align_kib * _KIB

    def to_element(self) -> etree._Element:
        """The element as libvirt takes it."""
        memory = etree.Element("memory", model="nvdimm", access="shared")
        source = etree.SubElement(memory, "source")
        etree.SubElement(source, "path").text = self.path
        _append_kib(source, "alignsize", self.align_kib)
        etree.SubElement(source, "pmem")
        target = etree.SubElement(memory, "target")
        _append_kib(target, "size", self.size_kib)
        etree.SubElement(target, "node").text = str(self.node)
        _append_kib(etree.SubElement(target, "label"), "size", self.label_kib)
        memory.append(names.to_element(self.alias))
        return memory

    @classmethod
    def from_element(cls, element: etree._Element) -> Self | None:
        """Read one of ours, also as libvirt gives it back; None for a memory device that is not ours."""
        alias = names.alias_of(element)
        path = element.findtext("source/path")
        size, align, label = (
            _read_kib(element, where) for where in ("target/size", "source/alignsize", "target/label/size")
        )
        node = element.findtext("target/node", "")
        if element.get("model") != "nvdimm" or element.get("access") != "shared" or element.find("source/pmem") is None:
            return None
        if alias is None or path is None or size is None or align is None or label is None or not node.isdecimal():
            return None
        return cls(path=path, size_kib=size, align_kib=align, alias=alias, node=int(node), label_kib=label)


def _append_kib(parent: etree._Element, tag: str, kib: int) -> None:
    etree.SubElement(parent, tag, unit="KiB").text = str(kib)


def _read_kib(element: etree._Element, where: str) -> int | None:
    """A number in KiB, the unit that libvirt always gives back; None for anything else."""
    found = element.find(where)
    if found is None or found.get("unit", "KiB") != "KiB" or not (found.text or "").isdecimal():
        return None
    return int(found.text or "")
