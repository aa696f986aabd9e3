"""What nova_accel sees on this host, as JSON. Run as root, in process.

look.py answers                          what root's side answers about every SSD and PMEM namespace, each asked about alone
look.py verdicts NAMESPACES [FILTER]     the verdicts of one look; NAMESPACES as pmem_namespaces, FILTER as nvme_ssd_filter
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Callable, Sequence

from nova_accel import privsep
from nova_accel.conf import Settings
from nova_accel.discovery.look import look
from nova_accel.discovery.memory import Memory, Others
from nova_accel.drivers import loading
from nova_accel.exception import PrivilegedCallError
from nova_accel.host import LocalHost
from nova_accel.xml import domain

NVME = "0x010802"
DRIVERS = ("nvme_ssd_driver", "intel_pmem_driver")
EVERY_QEMU = "vendor_id:1b36"


def main() -> None:
    """Do what the first argument says."""
    for context in (privsep.reading_pctxt, privsep.acting_pctxt):
        context.set_client_mode(False)
    what, *rest = sys.argv[1:]
    found = _answers(LocalHost()) if what == "answers" else _verdicts(LocalHost(), *rest)
    json.dump(found, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _answers(host: LocalHost) -> dict[str, dict[str, object]]:
    classes = sorted(pathlib.Path("/sys/bus/pci/devices").glob("*/class"))
    ssds = [path.parent.name for path in classes if path.read_text().strip() == NVME]
    spaces = sorted(path.name for path in pathlib.Path("/sys/bus/nd/devices").glob("namespace*"))
    return {
        "who_uses": _each(host.who_uses, ssds),
        "mounted_elsewhere": _each(host.mounted_elsewhere, ssds),
        "signatures": _each(host.signatures, ssds),
        "namespace_users": _each(host.namespace_users, spaces),
    }


def _each(ask: Callable[[Sequence[str]], dict[str, object]], names: Sequence[str]) -> dict[str, object]:
    answers: dict[str, object] = {}
    for name in names:
        try:
            answers.update(ask([name]))
        except PrivilegedCallError as error:
            answers[name] = f"error: {error}"
    return answers


def _verdicts(host: LocalHost, namespaces: str, ssd_filter: str = EVERY_QEMU) -> dict[str, dict[str, object]]:
    settings = Settings(
        enabled_drivers=DRIVERS,
        nvme_ssd_filters=(ssd_filter,),
        discovery_interval_s=0,
        ledger_path="",
        cleaning_record="",
        pmem_namespaces=tuple(namespaces.split(",")),
    )
    snapshot = look(host, loading.load(settings), Memory({}, {}, Others(_domains())))
    verdicts: dict[str, dict[str, object]] = {
        one.address: {"identity": one.identity, "reason": one.verdict.reason.name, "sentence": one.verdict.sentence}
        for one in snapshot.candidates
    }
    return verdicts | {"warnings": {"all": list(snapshot.warnings)}}


def _domains() -> dict[str, frozenset[str]]:
    """What libvirt's domains have, as nova-compute asks for it."""
    found: dict[str, frozenset[str]] = {}
    for uuid in _virsh("list", "--all", "--uuid").split():
        xml = _virsh("dumpxml", uuid)
        for place in [*map(str, domain.pci_addresses(xml)), *domain.nvdimm_paths(xml)]:
            found[place] = found.get(place, frozenset()) | {uuid}
    return found


def _virsh(*words: str) -> str:
    argv = ["virsh", "-c", "qemu:///system", *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
