"""A scenario as QEMU's arguments: pure."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

from lab.scenario import Nvdimm, Place, Scenario, Ssd

PORTS_IN_A_SLOT = 8
FIRST_SLOT = 0x02  # 0x00 is the host bridge, 0x01 is left to QEMU
LAST_SLOT = 0x1E  # 0x1f is the ICH9's
BUS_OF_NODE_1 = 64
EMPTY_CHASSIS = 49  # above those of the SSDs of node 0, below those of node 1


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What L1 needs besides its devices: files and ports of one run."""

    kernel: pathlib.Path
    initramfs: pathlib.Path
    packages: pathlib.Path
    kernel_tree: pathlib.Path
    run: pathlib.Path
    share: pathlib.Path
    scripts: pathlib.Path
    images: pathlib.Path
    console: pathlib.Path
    monitor: pathlib.Path
    ssh_port: int
    enter: tuple[pathlib.Path, ...] = ()
    kvm: bool = False


@dataclasses.dataclass
class Slots:
    """Hands out device numbers on pcie.0: with pxb-pcie every device needs one of its own."""

    following: int = FIRST_SLOT

    def take(self) -> str:
        """``bus=pcie.0,addr=…`` of the next free slot."""
        if self.following > LAST_SLOT:
            raise ValueError("pcie.0 has no slot left for another device")
        slot, self.following = self.following, self.following + 1
        return f"bus=pcie.0,addr=0x{slot:02x}"

    def take_for_ports(self, count: int) -> Iterator[str]:
        """Places for root ports, eight to a slot as its functions: QEMU's have ACS, so each still has an IOMMU group of its own."""
        for first in range(0, count, PORTS_IN_A_SLOT):
            slot = self.take()
            for function in range(min(PORTS_IN_A_SLOT, count - first)):
                yield f"{slot}.{function},multifunction=on"


def image(images: pathlib.Path, device: Ssd | Nvdimm) -> pathlib.Path:
    """The host's file behind a device."""
    return images / f"{device.name}.img"


def arguments(scenario: Scenario, around: Surroundings) -> list[str]:
    """Everything after ``qemu-system-x86_64``."""
    slots = Slots()
    ports = slots.take_for_ports(len(_own(scenario)) + scenario.empty_port)
    return [
        *_machine(scenario, around),
        *_boot(around),
        *_plumbing(around, slots),
        *(
            word
            for number, ssd in enumerate(_own(scenario), 1)
            for word in _behind_port(ssd, number, around, next(ports))
        ),
        *(_empty_port(next(ports)) if scenario.empty_port else ()),
        *_shared(scenario, around, slots),
        *_on_node_1(scenario, around, slots),
        *(word for dimm in scenario.nvdimms for word in _nvdimm(dimm, around)),
    ]


def _machine(scenario: Scenario, around: Surroundings) -> Iterator[str]:
    yield from ("-machine", "q35,nvdimm=on" if scenario.nvdimms else "q35")
    yield from ("-accel", "kvm") if around.kvm else ("-accel", "tcg,thread=single,tb-size=512")
    yield from ("-cpu", "host" if around.kvm else "max", "-smp", str(scenario.cpus))
    room = sum(dimm.region_mib + Nvdimm.LABEL_MIB for dimm in scenario.nvdimms)
    hotplug = f",slots={len(scenario.nvdimms)},maxmem={scenario.memory_mib + room + 4096}M" if room else ""
    yield from ("-m", f"{scenario.memory_mib}M{hotplug}")
    if scenario.nodes > 1:
        yield from _nodes(scenario)
    if scenario.iommu:
        yield from ("-device", "intel-iommu,intremap=on")
    yield from ("-nodefaults", "-display", "none", "-no-user-config")


def _nodes(scenario: Scenario) -> Iterator[str]:
    half = scenario.memory_mib // scenario.nodes
    for node in range(scenario.nodes):
        yield from ("-object", f"memory-backend-ram,id=ram{node},size={half}M")
        cpus = [f",cpus={cpu}" for cpu in range(scenario.cpus) if cpu % scenario.nodes == node]
        yield from ("-numa", f"node,nodeid={node},memdev=ram{node}{''.join(cpus)}")


def _boot(around: Surroundings) -> Iterator[str]:
    words = {
        "console": "ttyS0",
        "intel_iommu": "on",
        "net.ifnames": "0",
        "panic": "-1",
        "mitigations": "off",  # they cost much under emulation
        "audit": "0",
        "no_timer_check": "1",  # the check fails now and then when the machine is busy
        "lab.scripts": str(around.scripts),
        "lab.run": str(around.run),
        "lab.share": str(around.share),
        "lab.enter": ":".join(str(folder) for folder in around.enter),
    }
    yield from ("-kernel", str(around.kernel), "-initrd", str(around.initramfs), "-no-reboot")
    yield from ("-append", " ".join(f"{key}={value}" for key, value in words.items()) + " quiet")


def _plumbing(around: Surroundings, slots: Slots) -> Iterator[str]:
    yield from ("-serial", f"file:{around.console}")
    yield from ("-qmp", f"unix:{around.monitor},server=on,wait=off")
    shares = (
        ("host", pathlib.Path("/"), "on"),
        ("packages", around.packages, "on"),
        ("kernel", around.kernel_tree, "on"),
        ("share", around.share, "off"),
    )
    for tag, path, read_only in shares:
        yield from ("-fsdev", f"local,id={tag},path={path},security_model=none,readonly={read_only},multidevs=remap")
        yield from ("-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag},{slots.take()}")
    yield from ("-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{around.ssh_port}-:22")
    yield from ("-device", f"virtio-net-pci,netdev=net0,romfile=,{slots.take()}")
    yield from ("-drive", f"file={around.images / 'state.img'},if=none,id=state,format=raw,cache=unsafe")
    yield from ("-device", f"virtio-blk-pci,drive=state,serial=state,{slots.take()}")
    yield from ("-device", f"virtio-rng-pci,{slots.take()}")


def _own(scenario: Scenario) -> list[Ssd]:
    return [ssd for ssd in scenario.ssds if ssd.place is Place.OWN_PORT]


def _empty_port(place: str) -> tuple[str, str]:
    return "-device", f"pcie-root-port,id=port-empty,chassis={EMPTY_CHASSIS},slot={EMPTY_CHASSIS},{place}"


def _behind_port(ssd: Ssd, number: int, around: Surroundings, place: str) -> Iterator[str]:
    port = f"port-{ssd.name}"
    yield from ("-device", f"pcie-root-port,id={port},chassis={number},slot={number},{place}")
    yield from _drive(ssd, around)
    if ssd.virtual_functions or ssd.subsystem:
        yield from _in_a_subsystem(ssd, port)
    else:
        yield from ("-device", nvme(ssd, port))


def _in_a_subsystem(ssd: Ssd, port: str) -> Iterator[str]:
    """With an NVM subsystem named by hand, as SR-IOV wants it; two of one name the kernel takes for two ways to one SSD."""
    yield from ("-device", f"nvme-subsys,id=subsystem-{ssd.name},nqn=subsystem-{ssd.name}")
    functions = _virtual_functions(ssd.virtual_functions) if ssd.virtual_functions else ""
    yield from ("-device", f"nvme,id={ssd.name},serial={ssd.serial},bus={port},subsys=subsystem-{ssd.name}{functions}")
    yield from ("-device", f"nvme-ns,drive=drive-{ssd.name},bus={ssd.name},nsid=1")


def _virtual_functions(count: int) -> str:
    queues = 2 * (count + 1)
    return (
        f",sriov_max_vfs={count},sriov_vq_flexible={queues},"
        f"sriov_vi_flexible={queues // 2},max_ioqpairs={queues + 2},msix_qsize={queues + 2}"
    )


def nvme(ssd: Ssd, bus: str) -> str:
    """The value of ``-device`` or of the monitor's ``device_add`` for an SSD on ``bus``."""
    return f"nvme,id={ssd.name},serial={ssd.serial},drive=drive-{ssd.name},bus={bus}"


def _drive(ssd: Ssd, around: Surroundings) -> Iterator[str]:
    yield from ("-drive", f"file={image(around.images, ssd)},if=none,id=drive-{ssd.name},format=raw")


def _shared(scenario: Scenario, around: Surroundings, slots: Slots) -> Iterator[str]:
    shared = [ssd for ssd in scenario.ssds if ssd.place is Place.SHARED_BRIDGE]
    if shared:
        yield from ("-device", f"i82801b11-bridge,id=old-bridge,{slots.take()}")
        yield from ("-device", "pci-bridge,id=shared,bus=old-bridge,addr=0x01,chassis_nr=100")
    for number, ssd in enumerate(shared, 1):
        yield from _drive(ssd, around)
        yield from ("-device", f"{nvme(ssd, 'shared')},addr=0x{number:02x}")


def _on_node_1(scenario: Scenario, around: Surroundings, slots: Slots) -> Iterator[str]:
    far = [ssd for ssd in scenario.ssds if ssd.place is Place.NODE_1]
    if far:
        yield from ("-device", f"pxb-pcie,id=far-bus,bus_nr={BUS_OF_NODE_1},numa_node=1,{slots.take()}")
    for number, ssd in enumerate(far):
        yield from _behind_port(ssd, 50 + number, around, f"bus=far-bus,addr=0x{number:02x}")


def _nvdimm(dimm: Nvdimm, around: Surroundings) -> Iterator[str]:
    size = dimm.region_mib + Nvdimm.LABEL_MIB
    path = image(around.images, dimm)
    yield from ("-object", f"memory-backend-file,id=memory-{dimm.name},share=on,mem-path={path},size={size}M")
    node = f",node={dimm.node}" if dimm.node else ""
    yield from ("-device", f"nvdimm,id={dimm.name},memdev=memory-{dimm.name},label-size={Nvdimm.LABEL_MIB}M{node}")
