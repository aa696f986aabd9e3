"""Servers whose guest Nova has just taken from this host, to go on elsewhere or nowhere: its database says so a moment later."""

from collections.abc import Callable, Container

_ROUNDS = 20


class Leaving:
    """Has rounds follow each other closely until what such a server had is released, or that takes too long to wait for."""

    def __init__(self) -> None:
        self._rounds_left: dict[str, int] = {}

    def note(self, server: str) -> None:
        """Expect that a server is done with what it has here."""
        self._rounds_left[server] = _ROUNDS

    def is_time(self, having: Callable[[], Container[str]]) -> bool:
        """Whether a round is worth while now; asked before each.

        :param having: servers that have something on this host; asked only while one is expected
        """
        here = having() if self._rounds_left else ()
        for server, left in list(self._rounds_left.items()):
            if left and server in here:
                self._rounds_left[server] = left - 1
            else:
                self._rounds_left.pop(server, None)
        return bool(self._rounds_left)
