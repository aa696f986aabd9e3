"""Lets several services write to one SQLite file: importing this changes how SQLAlchemy begins transactions on SQLite.

oslo.db begins every transaction with BEGIN. SQLite then takes the first SELECT's view of the file, and refuses at once ("database
is locked", whatever the time-out) to write from that view when somebody else has written since. Here a transaction begins with its first
writing statement, and waits for its turn; what is read before that is read as it is, much as with MySQL's READ COMMITTED.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

READING = ("SELECT", "PRAGMA", "WITH", "EXPLAIN", "BEGIN", "COMMIT", "ROLLBACK")


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _begin_late(
    connection: Connection, cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    if connection.dialect.name != "sqlite":
        return statement, parameters
    if statement == "BEGIN":
        return "SELECT 1", parameters
    writes = not statement.lstrip().upper().startswith(READING)
    if writes and not cursor.connection.in_transaction:
        cursor.execute("BEGIN IMMEDIATE")
    return statement, parameters
