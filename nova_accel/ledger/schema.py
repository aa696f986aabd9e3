"""How the ledger lies in its SQLite file."""

import sqlite3

VERSION = 1
APPLICATION_ID = 0x6E61636C  # "nacl"

_TABLES = """
CREATE TABLE handle (
    resource_class TEXT NOT NULL,
    identity       TEXT NOT NULL,
    provider       TEXT NOT NULL,  -- the provider's name without the node's, as 'ssd_<serial>'
    state          TEXT NOT NULL,
    server         TEXT,           -- uuid of the server that has it, or had it last
    released       TEXT,           -- the evidence for its release; NULL: its content may not be erased
    reason         TEXT NOT NULL DEFAULT '',
    since          TEXT NOT NULL,  -- UTC, ISO 8601
    PRIMARY KEY (resource_class, identity)
) STRICT, WITHOUT ROWID;
CREATE TABLE sighting (
    address        TEXT PRIMARY KEY,
    incarnation    TEXT NOT NULL,  -- the same only while the device stays in place
    serial         TEXT,           -- the one read while the kernel showed it
    driver         TEXT,           -- which of our drivers takes it
    reason         TEXT NOT NULL,  -- the verdict
    sentence       TEXT NOT NULL,
    since          TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file, or check those of an old one; one transaction.

    :raises sqlite3.DatabaseError: when the file belongs to something else or to a newer nova_accel
    """
    # STRICT and WITHOUT ROWID keep types honest. WAL lets readers go on while one writes.
    connection.execute("PRAGMA journal_mode = WAL")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        version = _pragma(connection, "user_version")
        application = _pragma(connection, "application_id")
        if version == 0 and application == 0:
            _create(connection)
        elif application != APPLICATION_ID:
            raise sqlite3.DatabaseError("it is an SQLite file of another program")
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"it has schema {version}, this nova_accel knows {VERSION}")


def _create(connection: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
