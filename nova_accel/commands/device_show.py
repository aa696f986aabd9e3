"""``nova-accel device show``."""

import argparse
from collections.abc import Mapping

from cliff.show import ShowOne

from nova_accel.commands import known
from nova_accel.commands.app import NovaAccel
from nova_accel.commands.base import IDENTITY_HELP, Words, shown
from nova_accel.ledger.cleanings import CleaningRecord


class DeviceShow(ShowOne):
    """Show everything that is known about one device."""

    app: NovaAccel

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the device's name."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("identity", metavar="IDENTITY", help=f"{IDENTITY_HELP} Here also the address of a device.")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], tuple[object, ...]]:
        """One line for each thing that is known."""
        columns = _columns(known.find(known.everything(self.app.ledger_for_reading()), parsed_args.identity))
        return tuple(columns), shown(columns.values(), parsed_args)


def _columns(one: known.Known) -> Mapping[str, object]:
    return {
        "identity": one.identity,
        "class": one.resource_class,
        "address": one.address,
        "why not available": one.why_not_available() or None,
        **_of_entry(one),
        **_of_cleaning(one),
        **_of_sighting(one),
        "details": Words(one.details),
    }


def _of_entry(one: known.Known) -> dict[str, object]:
    entry = one.entry
    return {
        "state": one.state,
        "state in the ledger": entry.state.value if entry else None,
        "state since": entry.since if entry else None,
        "server": one.server,
        "last server": entry.server if entry else None,
        "released": entry.released if entry else None,
        "may be erased": entry.may_be_erased if entry else None,
        "drained": one.drained,
        "quarantined": entry.is_quarantined if entry else None,
        "offered unproven": entry.unproven if entry else None,
        "provider": entry.provider if entry else None,
    }


def _of_cleaning(one: known.Known) -> dict[str, object]:
    entry = one.entry
    return {
        "last cleaned": entry.cleaned if entry else None,
        "last attempt to clean": Words(_of_record(one.cleaning)) if one.cleaning else None,
        "attempts failed": entry.failures if entry else None,
        "tried again": entry.retry_at if entry else None,
        "cleaning asked for": entry.asked if entry else None,
        "said to be cleaned by": entry.done_by if entry else None,
        "now": one.progress,
    }


def _of_record(record: CleaningRecord) -> dict[str, object]:
    """What did not come to pass, such as reading back after a failure, is left out."""
    fields = {
        "method": record.method,
        "began": record.began,
        "ended": record.ended,
        "verified": record.verified,
        "result": record.result,
        "server": record.server,
        "nova_accel": record.version,
    }
    return {name: value for name, value in fields.items() if value}


def _of_sighting(one: known.Known) -> dict[str, object]:
    sighting = one.sighting
    return {
        "verdict": one.verdict,
        "verdict in full": sighting.sentence if sighting else None,
        "driver": sighting.driver if sighting else None,
    }
