"""What the steps of the story share: what the earlier ones found out, and how something is asked, waited for and checked."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from demo import domain, tables, tree
from demo.journal import Journal
from demo.progress import Screen
from demo.stage import Device, GuestView, Refused, Stage
from demo.tree import Provider

_REACH_LIMIT_S = 240


class Telling:
    """One telling on a stage."""

    def __init__(self, stage: Stage, journal: Journal, screen: Screen) -> None:
        self.stage = stage
        self.check = journal.check
        self.hear = journal.hear
        self.show = screen.show
        self.say = screen.say
        self.nonce = secrets.token_hex(8)
        """What is written from inside the guest."""
        self.beginning: list[Provider] = []
        """Our providers before there was any server."""
        self.flavor = ""
        self.server = ""
        self.taken: list[Device] = []
        """The devices that the server has."""
        self.elements: list[domain.Element] = []
        """Those of its domain's XML that are ours."""

    def specs(self) -> dict[str, str]:
        """The flavor's extra specs: one SSD, and a namespace of each label."""
        groups = [tree.SSD_CLASS, *(tree.PMEM_PREFIX + label for label in self.stage.labels)]
        return {f"resources{n}:{name}": "1" for n, name in enumerate(groups, 1)} | {"group_policy": "none"}

    def devices(self) -> list[Device]:
        """All devices, for the report too."""
        found = self.stage.devices()
        self.hear("nova_accel", "devices", found)
        return found

    def ssd(self) -> Device:
        """The server's SSD."""
        return next(one for one in self.taken if one.kind == "SSD")

    def providers(self) -> list[Provider]:
        """Placement's tree, for the report too."""
        return tree.read(self.stage.placement)

    def all_is_offered(self) -> bool:
        """Whether Placement has as many free units as there are free devices, and some."""
        offered = sum(one.offered for one in self.stage.devices())
        return 0 < offered == tree.free(tree.read(self.stage.placement.quiet()))

    def held(self) -> list[bool]:
        """Whether there is data on each of the server's devices, read past Nova and nova_accel."""
        return [self.stage.first_data(one.identity or "") is not None for one in self.taken]

    def look_inside(self) -> GuestView:
        """The guest's own view, checked against what it must have got."""
        view = self.stage.guest(self.server, self.nonce)
        self.hear("guest", "what it sees", view.raw)
        self.show(tables.seen(view.seen))
        ssds = [one.identity for one in view.of("SSD")]
        self.check("the serial is that of its SSD", ssds == [self.ssd().identity], ssds)
        sizes = [one.size_bytes for one in view.of("PMEM")]
        promised = [one.guest_bytes for one in self.elements if one.kind == "PMEM"]
        self.check("its memories have the promised sizes", sizes == promised, sizes)
        self.check("it took what was written", all(one.wrote for one in view.seen))
        return view

    def in_domain(self) -> list[domain.Element]:
        """Our elements in the XML, which goes into the report."""
        xml = self.stage.domain_xml(self.server)
        self.hear("libvirt", f"XMLDesc of {self.server}", xml)
        return domain.elements(xml)

    def act(self, action: str, status: str) -> None:
        """Ask for an action and wait for its end."""
        self.stage.nova("POST", f"/servers/{self.server}/action", {action: None})
        self.reach(status)

    def reach(self, status: str) -> None:
        """Wait until the server has a status, ``GONE`` when there is none any more."""
        self.wait(lambda: self.status() in (status, "ERROR", "GONE"), _REACH_LIMIT_S)
        found = self.status()
        if found != "GONE":
            self.stage.nova("GET", f"/servers/{self.server}")
        self.check(f"the server is {status}", found == status, found)

    def status(self) -> str:
        """The server's status now."""
        try:
            found: Mapping[str, Any] = self.stage.nova.quiet()("GET", f"/servers/{self.server}")["server"]
        except Refused:
            return "GONE"
        return str(found["status"])

    def wait(self, probe: Callable[[], bool], limit_s: float) -> None:
        """Wait until it is so, but no longer; whether it is so is for the checks that follow."""
        until = time.monotonic() + limit_s
        while not probe() and time.monotonic() < until:
            self.stage.let_time_pass()
