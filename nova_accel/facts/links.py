"""Where the stable paths of PMEM namespaces lead now, as anybody can see it."""

import re

from nova_accel.facts.roots import Roots

_TARGET = re.compile(r"\.\./(dax\d{1,6}\.\d{1,6})", re.ASCII)


def read(roots: Roots) -> dict[str, str]:
    """The dax devices that stable paths lead to, such as ``dax0.1``, by the uuid in the path; whether they exist is not asked."""
    try:
        uuids = [entry.name for entry in (roots.dev / "nova_accel").iterdir()]
    except OSError:
        return {}
    return {uuid: chardev for uuid in uuids if (chardev := led_to(roots, uuid)) is not None}


def led_to(roots: Roots, uuid: str) -> str | None:
    """The dax device that one stable path leads to, such as ``dax0.1``; None when it leads nowhere or elsewhere."""
    try:
        target = (roots.dev / "nova_accel" / uuid).readlink()
    except OSError:
        return None
    match = _TARGET.fullmatch(str(target))
    return match[1] if match else None
