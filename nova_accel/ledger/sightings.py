"""What the last look at the host found, kept so that the next start and the commands know it."""

import dataclasses
from collections.abc import Iterable

from nova_accel.ledger.entry import Sighting
from nova_accel.ledger.file import LedgerFile, now

_COLUMNS = ", ".join(field.name for field in dataclasses.fields(Sighting))
_PLACES = ", ".join("?" for _ in dataclasses.fields(Sighting))


class Sightings:
    """The part of the ledger that remembers what is where."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def all(self) -> dict[str, Sighting]:
        """What was last seen, by address."""
        with self._file.connection() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM sighting")  # noqa: S608  names of our own fields
            return {row[0]: Sighting(*row) for row in rows}

    def add(self, sighting: Sighting) -> None:
        """Note one thing that was seen, in the place of what was seen at its address before."""
        with self._file.transaction() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO sighting ({_COLUMNS}, since) VALUES ({_PLACES}, ?)",  # noqa: S608  as above
                (*dataclasses.astuple(sighting), now()),
            )

    def replace(self, sightings: Iterable[Sighting]) -> None:
        """Note what is seen now; what is not among it is gone. What stays the same is not written."""
        wanted = {sighting.address: sighting for sighting in sightings}
        known = self.all()
        if wanted == known:
            return
        changed = [one for address, one in wanted.items() if known.get(address) != one]
        with self._file.transaction() as connection:
            connection.executemany(
                "DELETE FROM sighting WHERE address = ?", [(address,) for address in known.keys() - wanted.keys()]
            )
            connection.executemany(
                f"INSERT OR REPLACE INTO sighting ({_COLUMNS}, since) VALUES ({_PLACES}, ?)",  # noqa: S608  as above
                [(*dataclasses.astuple(one), now()) for one in changed],
            )
