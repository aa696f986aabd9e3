"""How the ledger lies in its SQLite file."""

import contextlib
import functools
import sqlite3

VERSION = 5
APPLICATION_ID = 0x6E61636C  # "nacl"

_CLEANING = """
CREATE TABLE cleaning (            -- the last attempt that came to an end, of each handle
    identity       TEXT PRIMARY KEY,
    method         TEXT NOT NULL,
    began          TEXT NOT NULL,  -- UTC, ISO 8601
    ended          TEXT NOT NULL,
    verified       TEXT NOT NULL,
    result         TEXT NOT NULL,
    version        TEXT NOT NULL,  -- of nova_accel
    server         TEXT            -- uuid of the server that had it
) STRICT, WITHOUT ROWID;
CREATE TABLE underway (            -- what is being done to a handle now
    identity       TEXT PRIMARY KEY,
    words          TEXT NOT NULL,
    done_bytes     INTEGER NOT NULL,
    total_bytes    INTEGER NOT NULL,
    began          TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_LEFT = """
CREATE TABLE left_behind (         -- what a server left on this host, as an operator says
    identity       TEXT NOT NULL,
    server         TEXT NOT NULL,
    released       INTEGER NOT NULL,  -- 0: nova-compute has not seen yet whether that can be; 1: it was released
    purged         INTEGER NOT NULL DEFAULT 0,  -- 1: the operator says that Nova's database need not know the server any more
    PRIMARY KEY (identity, server)
) STRICT, WITHOUT ROWID;
"""

_TABLES = (
    """
CREATE TABLE handle (
    identity       TEXT PRIMARY KEY,  -- what stays when address, label or configuration change
    resource_class TEXT NOT NULL,
    provider       TEXT NOT NULL,  -- the provider's name without the node's, as 'ssd_<serial>'
    state          TEXT NOT NULL,
    server         TEXT,           -- uuid of the server that has it, or had it last
    released       TEXT,           -- the evidence for its release; NULL: its content may not be erased
    reason         TEXT NOT NULL DEFAULT '',
    drained        TEXT,           -- why an operator drained it; NULL: it is not
    asked          TEXT,           -- since when an operator wants it cleaned; NULL: nobody does
    cleaned        TEXT,           -- when and how it was last proven clean
    since          TEXT NOT NULL,  -- UTC, ISO 8601
    failures       INTEGER NOT NULL DEFAULT 0,  -- attempts to clean it that failed, one after the other
    retry_at       TEXT,           -- when the next one is made; NULL: none, unless an operator asks
    done_by        TEXT,           -- who else says to have cleaned it; NULL: nobody, or it was read back since
    unproven       INTEGER NOT NULL DEFAULT 0   -- 1: offered with what was on it, as clean_methods = none wants it
) STRICT, WITHOUT ROWID;
CREATE TABLE sighting (
    address        TEXT PRIMARY KEY,
    incarnation    TEXT NOT NULL,  -- the same only while the device stays in place
    identity       TEXT,           -- the one read while the kernel showed it
    driver         TEXT,           -- which of our drivers takes it
    reason         TEXT NOT NULL,  -- the verdict
    sentence       TEXT NOT NULL,
    resource_class TEXT,           -- NULL while no driver takes it
    details        TEXT NOT NULL,  -- for people: a JSON object of words
    since          TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE note (
    name           TEXT PRIMARY KEY,
    value          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
    + _CLEANING
    + _LEFT
)

_FROM_2 = (
    """
ALTER TABLE handle ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE handle ADD COLUMN retry_at TEXT;
ALTER TABLE handle ADD COLUMN done_by TEXT;
ALTER TABLE handle ADD COLUMN unproven INTEGER NOT NULL DEFAULT 0;
"""
    + _CLEANING
    + _LEFT
)

_FROM_4 = "ALTER TABLE left_behind ADD COLUMN purged INTEGER NOT NULL DEFAULT 0;\n"

# A sighting of version 1 is only the last look's result; the next look makes it anew. Its serials must stay, because a
# device on vfio-pci shows none.
_FROM_1 = """
ALTER TABLE handle RENAME TO handle_1;
ALTER TABLE sighting RENAME TO sighting_1;
{tables}
INSERT INTO handle (identity, resource_class, provider, state, server, released, reason, since)
    SELECT identity, resource_class, provider, state, server, released, reason, since FROM handle_1;
INSERT INTO sighting (address, incarnation, identity, driver, reason, sentence, details, since)
    SELECT address, incarnation, serial, driver, reason, sentence, '{{}}', since FROM sighting_1;
DROP TABLE handle_1;
DROP TABLE sighting_1;
"""

_FROM = {1: _FROM_1.format(tables=_TABLES), 2: _FROM_2, 3: _LEFT, 4: _FROM_4}


def prepare(connection: sqlite3.Connection) -> bool:
    """Make the tables of a new file, bring those of an older nova_accel up to date, or check them; one transaction.

    :returns: whether there was nothing in the file before
    :raises sqlite3.DatabaseError: when the file belongs to something else or to a newer nova_accel
    """
    if _is_anothers(connection):  # before anything is written
        raise sqlite3.NotSupportedError("it is an SQLite file of another program")
    # STRICT and WITHOUT ROWID keep types honest. WAL lets readers go on while one writes.
    connection.execute("PRAGMA journal_mode = WAL")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        version = _pragma(connection, "user_version")
        application = _pragma(connection, "application_id")
        is_new = version == 0 and application == 0
        if is_new:
            _run(connection, _TABLES)
        elif version in _FROM:
            _bring_up_to_date(connection, version)
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"it has schema {version}, this nova_accel knows {VERSION}")
    return is_new


def check(connection: sqlite3.Connection) -> None:
    """Read through a file that is up to date.

    :raises sqlite3.DataError: when it is not as SQLite left it, or its tables are not ours
    """
    wrong = [row[0] for row in connection.execute("PRAGMA quick_check") if row[0] != "ok"]
    lacking = _made() - _columns(connection)
    if wrong or lacking:
        raise sqlite3.DataError("; ".join(wrong) or f"it has no {', '.join(sorted(lacking))}")


@functools.cache
def _made() -> frozenset[str]:
    """The columns of our tables."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        _run(connection, _TABLES)
        return _columns(connection)


def _columns(connection: sqlite3.Connection) -> frozenset[str]:
    rows = connection.execute(
        "SELECT made.name || '.' || part.name FROM sqlite_schema AS made, pragma_table_info(made.name) AS part"
    )
    return frozenset(row[0] for row in rows)


def _bring_up_to_date(connection: sqlite3.Connection, version: int) -> None:
    try:
        _run(connection, _FROM[version])
    except sqlite3.OperationalError as error:  # kept as it is, so that the older nova_accel can still use it
        raise sqlite3.InternalError(f"it cannot be brought up to date from schema {version}: {error}") from error


def _is_anothers(connection: sqlite3.Connection) -> bool:
    """Whether the file has another program's mark, or no mark and something in it."""
    with connection:
        connection.execute("BEGIN")  # both answers from before or after another process makes our tables
        application = _pragma(connection, "application_id")
        holds = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return application != APPLICATION_ID and bool(application or holds)


def _run(connection: sqlite3.Connection, statements: str) -> None:
    # Not executescript: it would commit first, and a half-made file must never be seen.
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
