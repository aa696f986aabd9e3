"""What nova_accel's root side answers about every SSD and PMEM namespace of this host, as JSON. Run as root, in process."""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Callable

from nova_accel import privsep
from nova_accel.exception import PrivilegedCallError
from nova_accel.host import LocalHost

NVME = "0x010802"


def main() -> None:
    """Ask about each device alone, so that one that fails says so for itself."""
    for context in (privsep.reading_pctxt, privsep.acting_pctxt):
        context.set_client_mode(False)
    host = LocalHost()
    classes = sorted(pathlib.Path("/sys/bus/pci/devices").glob("*/class"))
    ssds = [path.parent.name for path in classes if path.read_text().strip() == NVME]
    spaces = sorted(path.name for path in pathlib.Path("/sys/bus/nd/devices").glob("namespace*"))
    answers = {
        "who_uses": _each(host.who_uses, ssds),
        "mounted_elsewhere": _each(host.mounted_elsewhere, ssds),
        "signatures": _each(host.signatures, ssds),
        "namespace_users": _each(host.namespace_users, spaces),
    }
    json.dump(answers, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _each(ask: Callable[[list[str]], dict[str, object]], names: list[str]) -> dict[str, object]:
    answers: dict[str, object] = {}
    for name in names:
        try:
            answers.update(ask([name]))
        except PrivilegedCallError as error:
            answers[name] = f"error: {error}"
    return answers


if __name__ == "__main__":
    main()
