"""Messages that nobody waits for, made so that a test can: they have been worked on when they are sent, and their failures go nowhere."""

import copy
import logging
from typing import Any

import fixtures

LOG = logging.getLogger(__name__)


class CastsAreDone(fixtures.Fixture):
    """Unlike with Nova's own CastAsCallFixture a sender does not see the receiver's exception.

    It matters where an operation fails on one host: the other one would undo its part too, which it does not in a real cloud.
    """

    def _setUp(self) -> None:  # noqa: N802  the fixtures library's name
        self.useFixture(fixtures.MonkeyPatch("oslo_messaging.rpc.client._CallContext.cast", _cast))


def _cast(sender: Any, context: Any, method: str, **arguments: object) -> None:
    waiting = copy.copy(sender)
    waiting.target = sender.target(fanout=False)
    try:
        waiting.call(context, method, **arguments)
    except Exception as error:  # noqa: BLE001  whatever a receiver raises, its sender does not hear of it
        LOG.info("%s failed, and nobody hears of it: %s", method, error)
