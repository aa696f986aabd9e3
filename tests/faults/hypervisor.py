"""Nova's fake libvirt with its domains in a file: guests go on when nova-compute is killed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt

from tests.faults.points import (
    AFTER,
    BEFORE,
    DEVICE_ENTERS,
    DEVICE_LEAVES,
    DOMAIN_ENDS,
    DOMAIN_STARTS,
    GUEST_SAVED,
    Point,
)
from tests.faults.trap import Trap

_NOT_ASKED = frozenset({"away", "running"})
"""What is not libvirt's."""


class KeptConnection(fakelibvirt.Connection):
    """A connection that writes down what it has defined, what of it runs and what is saved, and begins with what the last one wrote.

    What is done to a running domain is kept where the methods of :data:`METHODS` are in the place of the fake's own.
    """

    def __init__(self, file: Path, trap: Trap, started: Callable[[str, str], None], **kwargs: Any) -> None:
        """Begin where the last one ended.

        :param started: told the uuid and the XML of each domain that starts: from now on its guest writes
        """
        super().__init__("qemu:///system", **kwargs)
        self._file = file
        self._trap = trap
        self._started = started
        self.away: Callable[[], None] | None = None
        """Given while libvirtd does not answer, and called whenever it is asked; guests run on."""
        for one in json.loads(file.read_text()) if file.exists() else ():
            # First what its guest has: the fake takes that from a definition too.
            domain = super().defineXML(one["xml"])
            domain.as_defined = etree.fromstring(one["defined"])
            if one["runs"]:
                domain._state = fakelibvirt.VIR_DOMAIN_RUNNING
                super()._mark_running(domain)
            if one["saved"] is not None:
                domain._has_saved_state, domain.saved = True, etree.fromstring(one["saved"])

    def _mark_running(self, dom: Any) -> None:
        self._trap.spring(Point(DOMAIN_STARTS, BEFORE))
        super()._mark_running(dom)
        self._keep()
        self._started(dom.UUIDString(), dom.XMLDesc(0))
        self._trap.spring(Point(DOMAIN_STARTS, AFTER))

    def _mark_not_running(self, dom: Any) -> None:
        self._trap.spring(Point(DOMAIN_ENDS, BEFORE))
        super()._mark_not_running(dom)
        self._keep()
        self._trap.spring(Point(DOMAIN_ENDS, AFTER))

    def _undefine(self, dom: Any) -> None:
        super()._undefine(dom)
        self._keep()

    @contextmanager
    def _kept(self, what: str) -> Iterator[None]:
        self._trap.spring(Point(what, BEFORE))
        yield
        self._keep()
        self._trap.spring(Point(what, AFTER))

    def __getattribute__(self, name: str) -> Any:
        away = None if name.startswith("_") or name in _NOT_ASKED else object.__getattribute__(self, "away")
        if away is not None:
            away()
            raise fakelibvirt.make_libvirtError(
                fakelibvirt.libvirtError,
                "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Connection refused",
                error_code=fakelibvirt.VIR_ERR_SYSTEM_ERROR,
                error_domain=fakelibvirt.VIR_FROM_RPC,
            )
        return super().__getattribute__(name)

    def defineXML(self, xml: str) -> Any:  # noqa: N802  libvirt's name
        domain = super().defineXML(xml)
        self._keep()
        return domain

    def running(self) -> dict[str, str]:
        """The XML of each domain that is not shut off, by uuid."""
        return {one.UUIDString(): one.XMLDesc(0) for one in self._vms.values() if _runs(one)}

    def _keep(self) -> None:
        kept = [_written(one) for one in self._vms.values()]
        other = self._file.with_suffix(".new")
        other.write_text(json.dumps(kept))
        other.replace(self._file)


def _written(domain: Any) -> dict[str, Any]:
    # What was saved is gone once the guest runs again.
    is_saved = domain._has_saved_state and not _runs(domain)
    return {
        "uuid": domain.UUIDString(),
        "xml": domain.XMLDesc(0),
        "defined": domain.XMLDesc(fakelibvirt.VIR_DOMAIN_XML_INACTIVE),
        "runs": _runs(domain),
        "saved": etree.tostring(domain.saved).decode() if is_saved else None,
    }


def _attach(attached: Callable[..., None]) -> Callable[..., None]:
    def attach(domain: Any, xml: str, flags: int) -> None:
        with domain._connection._kept(DEVICE_ENTERS):
            attached(domain, xml, flags)
            domain._connection._started(domain.UUIDString(), domain.XMLDesc(0))

    return attach


def _detach(detached: Callable[..., None]) -> Callable[..., None]:
    def detach(domain: Any, xml: str, flags: int) -> None:
        if flags & fakelibvirt.VIR_DOMAIN_AFFECT_LIVE:
            with domain._connection._kept(DEVICE_LEAVES):
                detached(domain, xml, flags)
        else:
            detached(domain, xml, flags)
            domain._connection._keep()

    return detach


def _save(saved: Callable[..., None]) -> Callable[..., None]:
    def save(domain: Any, flags: int) -> None:
        with domain._connection._kept(GUEST_SAVED):
            saved(domain, flags)

    return save


METHODS = {"attachDeviceFlags": _attach, "detachDeviceFlags": _detach, "managedSave": _save}
"""What is made of a domain's own methods, by their names."""


def _runs(domain: Any) -> bool:
    return domain._state not in (fakelibvirt.VIR_DOMAIN_SHUTOFF, fakelibvirt.VIR_DOMAIN_SHUTDOWN)
