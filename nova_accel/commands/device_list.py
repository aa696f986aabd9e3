"""``nova-accel device list``."""

import argparse

from cliff.lister import Lister

from nova_accel.commands import known
from nova_accel.commands.app import NovaAccel
from nova_accel.commands.base import shown

COLUMNS = ("identity", "class", "address", "state", "server", "drained", "verdict", "why not available")


class DeviceList(Lister):
    """List the devices of this host: those that are or were offered, and those that are not, with the reason."""

    app: NovaAccel

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        """One row for each device."""
        return COLUMNS, [shown(_row(one), parsed_args) for one in known.everything(self.app.ledger_for_reading())]


def _row(one: known.Known) -> tuple[object, ...]:
    why = one.why_not_available() or None
    return one.identity, one.resource_class, one.address, one.state, one.server, one.drained, one.verdict, why
