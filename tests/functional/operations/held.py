"""The handles that the tests of operations talk about, what is expected of them, and what a witness said instead."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.functional.operations.fates import Fate

NONCE_AT = 4096


@dataclass(frozen=True, order=True)
class Held:
    """A handle on a host."""

    host: str
    identity: str

    def __str__(self) -> str:
        return f"{self.host} {self.identity}"


Fates = Mapping[Held, tuple[str, Fate]]
"""The server that has or had a handle, and what is expected of it."""


@dataclass(frozen=True)
class Expected:
    """What is expected of some handles that a server has or had."""

    server: str
    handles: frozenset[Held]
    fate: Fate


@dataclass(frozen=True)
class Had:
    """What a server had on a host at some time."""

    server: dict
    handles: frozenset[Held]

    def is_(self, fate: Fate) -> Expected:
        """Expect this of all of it."""
        return Expected(self.server["id"], self.handles, fate)


@dataclass(frozen=True, order=True)
class Difference:
    """What one witness said, and what was expected of it."""

    witness: str
    sentence: str


def nonce(server: str, held: Held) -> bytes:
    """What a guest writes to its device; no two are the same."""
    return f"server {server} wrote this to {held}".encode()
