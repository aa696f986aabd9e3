"""What names a handle in a domain's XML and in QEMU: an alias of our own."""

import hashlib
import re

from lxml import etree

_PREFIX = "ua-accel-"  # libvirt leaves to users what begins with ua-
_NOT_IN_ALIAS = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)


def alias_for(identity: str) -> str:
    """A word for a handle that libvirt takes as alias; two identities never get the same one."""
    tame = _NOT_IN_ALIAS.sub("_", identity)
    return tame if tame == identity else f"{tame}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


def qualified(alias: str) -> str:
    """The alias as libvirt knows it, with what marks it as ours."""
    return _PREFIX + alias


def to_element(alias: str) -> etree._Element:
    """The ``<alias>`` of a device element of ours."""
    return etree.Element("alias", name=qualified(alias))


def alias_of(device: etree._Element) -> str | None:
    """The alias of a device element, without what marks it as ours; None for a device that is not ours."""
    alias = device.find("alias")
    name = "" if alias is None else alias.get("name", "")
    return name.removeprefix(_PREFIX) if name.startswith(_PREFIX) else None
