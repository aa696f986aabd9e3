"""What the story needs of a place to be played: a host, Nova, Placement, libvirt, and the guest's own view."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

ELIGIBLE = "eligible"
AVAILABLE = "available"
HOLDS_DATA = "holds data"


@dataclass(frozen=True)
class Device:
    """One SSD or PMEM namespace of the host as nova_accel knows it."""

    address: str
    identity: str | None
    reason: str
    """The verdict, ``eligible`` or why not."""
    sentence: str
    state: str | None
    """In the ledger; None for what was never offered."""
    server: str | None
    why_not: str
    """Everything that keeps it from being given away; empty for what is offered."""

    @property
    def kind(self) -> str:
        """``PMEM`` or ``SSD``."""
        return "PMEM" if self.address.startswith("namespace") else "SSD"

    @property
    def offered(self) -> bool:
        """Whether it is to be had."""
        return self.reason == ELIGIBLE and self.state == AVAILABLE

    @property
    def is_read(self) -> bool:
        """Whether there is nothing more to wait for: it is not to be offered, or was read as a whole."""
        return self.reason != ELIGIBLE or self.state == AVAILABLE or HOLDS_DATA in self.why_not


@dataclass(frozen=True)
class Seen:
    """One device from inside: what was there before anything was written, and whether writing went well."""

    kind: str
    identity: str
    """An SSD's serial; of persistent memory, which has none for a guest, its place in the order of the guest's addresses."""
    size_bytes: int
    zero: bool
    found: str
    """The text where the nonce belongs, empty when there is none."""
    wrote: bool


@dataclass(frozen=True)
class GuestView:
    """What is seen from inside, since the guest's last start."""

    seen: tuple[Seen, ...]
    raw: str = field(repr=False)

    def of(self, kind: str) -> tuple[Seen, ...]:
        """The devices of a kind, in the guest's order."""
        return tuple(one for one in self.seen if one.kind == kind)


@dataclass(frozen=True)
class Api:
    """One HTTP API: ``ask(method, path, body)``; each answer is shown to ``heard`` as it came."""

    name: str
    ask: Callable[[str, str, object], Any]
    heard: Callable[[str, str, object], None]

    def __call__(self, method: str, path: str, body: object = None) -> Any:
        """The answer, kept for the report.

        :raises Refused: when it is an error
        """
        answer = self.ask(method, path, body)
        self.heard(self.name, f"{method} {path}", answer)
        return answer

    def quiet(self) -> Api:
        """The same, for waiting: nothing is kept."""
        return dataclasses.replace(self, heard=lambda _of, _asked, _answer: None)


Heard = Callable[[str, str, object], None]
"""Of whom, what was asked, the answer."""


class Refused(Exception):
    """Nova or Placement answered with an error."""


class NotPossible(Exception):
    """A stage cannot be had here; the sentence says what is missing."""


class Stage(Protocol):
    """A place for the story. ``run`` has everything up while ``work`` runs, and ends it whatever happens."""

    nova: Api
    placement: Api

    @property
    def title(self) -> str:
        """Its name."""

    @property
    def about(self) -> str:
        """What on it is real and what is not, in a few sentences."""

    @property
    def guest_is_real(self) -> bool:
        """Whether there is a guest to look from."""

    @property
    def labels(self) -> Sequence[str]:
        """Of PMEM, in the order in which the flavor asks: one namespace of each."""

    @property
    def start_limit_s(self) -> float | None:
        """How long the start may take; None: it has limits of its own."""

    @property
    def patience_s(self) -> float:
        """How long it may take nova_accel to look at the host, or to clean, and Placement to hear of it."""

    def run(self, work: Callable[[], None]) -> None:
        """Call ``work`` in it; what ``work`` raises comes out."""

    def start(self) -> None:
        """Bring nova-compute up on the host, with Nova and Placement around it."""

    def devices(self) -> list[Device]:
        """All that nova_accel has found in the host."""

    def image(self, nonce: str) -> str:
        """An image whose guest writes ``nonce`` on its SSD, and ``nonce-0`` and so on in its persistent memories, as it starts."""

    def domain_xml(self, server: str) -> str:
        """The domain as libvirt gives it back."""

    def guest(self, server: str, nonce: str) -> GuestView:
        """What is seen from inside since the last start."""

    def first_data(self, identity: str) -> int | None:
        """Where the first byte that is not zero lies on a device, read past Nova and nova_accel; None when there is none."""

    def let_time_pass(self) -> None:
        """While something is waited for: a look at the host, an audit, or a pause."""

    def facts(self) -> Mapping[str, object]:
        """What the report says about the stage itself."""
