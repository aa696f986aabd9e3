"""The folder in which everything of one small cloud lies that a killed process leaves behind."""

import contextlib
import shutil
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.faults.findings import Findings


def lasting_uuid(name: str) -> str:
    """The uuid that something of this name has in every life, where Nova's fixtures would make one up."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


@dataclass(frozen=True)
class World:
    """Databases, ledgers, machines and domains, by what they are of."""

    folder: Path

    def database(self, name: str) -> Path:
        """The SQLite file of one of Nova's databases, or of Placement's."""
        return self.folder / f"db-{name.replace('/', '_').replace(':', '_')}.sqlite"

    def cell(self) -> Path:
        """The database in which Nova has the servers."""
        return self.database(lasting_uuid("cell1"))

    def ledger(self, host: str) -> Path:
        """The ledger of one compute host."""
        return self.folder / f"{host}.sqlite"

    def cleaning_record(self, host: str) -> Path:
        """The record of what was cleaned on one compute host."""
        return self.folder / f"{host}.cleaning.jsonl"

    def machine(self, host: str) -> Path:
        """What is in one host's hardware: content, bindings, labels."""
        return self.folder / f"{host}.machine"

    def hosts(self) -> list[str]:
        """Those of which there is a machine."""
        return sorted(file.stem for file in self.folder.glob("*.machine"))

    def domains(self, host: str) -> Path:
        """What one host's libvirt has defined, and what of it runs."""
        return self.folder / f"{host}.domains"

    def log(self, name: str) -> Path:
        """What one process printed and logged."""
        return self.folder / f"{name}.log"

    def copy_ledger(self, host: str) -> None:
        """Keep a copy of a ledger as it is now."""
        with (
            contextlib.closing(sqlite3.connect(self.ledger(host))) as ledger,
            contextlib.closing(sqlite3.connect(self.ledger_copy(host))) as copy,
        ):
            ledger.backup(copy)
        # There is none before the first claim.
        if self.beside_ledger(host).exists():
            shutil.copy(self.beside_ledger(host), self.beside_copy(host))

    def beside_ledger(self, host: str) -> Path:
        """The file by which nova-compute notices that a ledger is older than it was."""
        return self.folder / f"{host}.sqlite.claims"

    def beside_copy(self, host: str) -> Path:
        """Where the copy of that file is."""
        return self.folder / f"{host}.copy.claims"

    def ledger_copy(self, host: str) -> Path:
        """Where the copy of a ledger is."""
        return self.folder / f"{host}.copy"

    def note(self, what: str, line: str) -> None:
        """Note a line about something, for whichever process comes next."""
        with (self.folder / what).open("a") as file:
            file.write(line + "\n")

    def notes(self, what: str) -> list[str]:
        """All lines about something."""
        file = self.folder / what
        return file.read_text().splitlines() if file.exists() else []

    @property
    def findings(self) -> Findings:
        """What was found against the rules, by whichever process."""
        return Findings(self.folder / "findings")

    @property
    def has_databases(self) -> bool:
        """Whether a cloud was ever started here."""
        return self.database("placement").exists()

    def cloned(self, folder: Path) -> "World":
        """The same world once more, in another folder. Only while none of its hosts was ever looked at: inodes change."""
        shutil.copytree(self.folder, folder)
        return World(folder)
