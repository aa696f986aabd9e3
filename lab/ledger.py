"""Reads nova_accel's ledger in L1, as an operator would: the SQLite file, read-only."""

from __future__ import annotations

import dataclasses
import json
import sys

from lab.machine import Machine

PATH = "/var/lib/nova/nova_accel/ledger.sqlite"

READ = """\
import json, sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=60)
database.row_factory = sqlite3.Row
tables = {name: [dict(row) for row in database.execute("SELECT * FROM " + name)] for name in ("handle", "sighting")}
json.dump(tables, sys.stdout)
"""


@dataclasses.dataclass(frozen=True)
class Handle:
    """One handle's entry."""

    identity: str
    state: str
    server: str | None
    reason: str


@dataclasses.dataclass(frozen=True)
class Sighting:
    """What was last seen at an address, and the verdict on it."""

    address: str
    identity: str | None
    reason: str
    sentence: str


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Everything in it."""

    handles: dict[str, Handle]
    sightings: dict[str, Sighting]

    @property
    def addresses(self) -> dict[str, str]:
        """Where each identity was last seen."""
        return {one.identity: address for address, one in self.sightings.items() if one.identity}

    def verdict(self, identity: str) -> Sighting | None:
        """The verdict on the SSD with a serial, or on the namespace with a uuid."""
        return next((one for one in self.sightings.values() if one.identity == identity), None)


def read(machine: Machine) -> Ledger:
    """The ledger as it is now."""
    tables = json.loads(machine.channel.run([f"{sys.base_prefix}/bin/python3", "-c", READ, PATH]))
    return Ledger(
        handles={
            row["identity"]: Handle(row["identity"], row["state"], row["server"], row["reason"])
            for row in tables["handle"]
        },
        sightings={
            row["address"]: Sighting(row["address"], row["identity"], row["reason"], row["sentence"])
            for row in tables["sighting"]
        },
    )
