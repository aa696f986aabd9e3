"""What every rule of the machine needs."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition

from nova_accel.exception import AccelError
from nova_accel.model import HandleId
from tests.fakes.host import FakeSsd
from tests.unit.laws.model import Server
from tests.unit.laws.world import PMEM, SSD, World

T = TypeVar("T")

ELSEWHERE = HandleId(SSD, "on another host")

mostly = st.sampled_from([True, True, True, False])
which = st.integers(0, 5)
wishes = st.sampled_from([(SSD,), (PMEM,), (SSD, PMEM), (SSD, SSD), (PMEM, PMEM)])
is_up = precondition(lambda self: self.world.service is not None)
is_down = precondition(lambda self: self.world.service is None)


def any_server(condition):
    """A rule's condition: there is a server for it."""
    return precondition(lambda self: any(condition(self, one) for one in self.world.nova.servers.values()))


class Base(RuleBasedStateMachine):
    """The world, and how a rule chooses in it."""

    def __init__(self) -> None:
        super().__init__()
        shared_memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None)
        self.world = World(Path(self.folder.name))
        self.spares: list[FakeSsd] = []
        self.boots = 1
        self.nonces = 0
        self.unseen_change = False
        """Whether a device that was out of its slot has been written to since the last look. A reboot would hide that."""

    def choose(self, number: int, some: Sequence[T]) -> T | None:
        return some[number % len(some)] if some else None

    def server(self, number: int, condition) -> Server | None:
        return self.choose(number, [one for one in self.world.nova.servers.values() if condition(self, one)])

    def nonce(self) -> bytes:
        self.nonces += 1
        return b"nonce %d" % self.nonces

    def refused(self, error: AccelError) -> None:
        if currently_in_test_context():
            note(f"refused: {error}")

    def start_guest(self, server: Server) -> bool:
        """Start a guest; one that is refused is in error."""
        try:
            self.world.run_guest(server)
        except AccelError as error:
            self.refused(error)
            return False
        return True
