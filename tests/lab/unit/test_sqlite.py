"""Two services that write to one SQLite file."""

from __future__ import annotations

import pathlib

import sqlalchemy
from oslo_db.sqlalchemy import engines

import lab.control.sqlite  # noqa: F401 - changes how transactions begin


def test_who_has_read_may_still_write_after_another_has_written(tmp_path: pathlib.Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.sqlite?timeout=5"
    one, other = (engines.create_engine(url) for _ in range(2))
    with one.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE t (n INTEGER)"))
        connection.execute(sqlalchemy.text("INSERT INTO t VALUES (0)"))
    with one.connect() as connection:
        assert connection.execute(sqlalchemy.text("PRAGMA journal_mode=WAL")).scalar() == "wal"
    with one.begin() as first:
        assert first.execute(sqlalchemy.text("SELECT n FROM t")).scalar() == 0
        with other.begin() as second:
            second.execute(sqlalchemy.text("UPDATE t SET n = n + 1"))
        first.execute(sqlalchemy.text("UPDATE t SET n = n + 1"))
    with other.begin() as connection:
        assert connection.execute(sqlalchemy.text("SELECT n FROM t")).scalar() == 2


def test_what_is_rolled_back_leaves_nothing(tmp_path: pathlib.Path) -> None:
    engine = engines.create_engine(f"sqlite:///{tmp_path}/own.sqlite")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE t (n INTEGER)"))
    with engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(sqlalchemy.text("INSERT INTO t VALUES (1)"))
        transaction.rollback()
    with engine.begin() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM t")).scalar() == 0
