"""The run's SQLite files: copied from empty ones in the cache, with a write-ahead log."""

from __future__ import annotations

import contextlib
import importlib.metadata
import pathlib
import shutil
import sqlite3
import subprocess
import sys

from lab import folders
from lab.control import settings
from lab.control.ports import Ports
from lab.processes import environment

COPIES = {"nova_api": "nova_api", "nova": "nova", "nova_cell0": "nova"}


def prepare(cache: pathlib.Path, run: folders.RunFolder) -> None:
    """Put the run's databases in place, without cells."""
    empty = cache / f"databases-{importlib.metadata.version('nova')}"
    if not empty.exists():
        _make_empty(empty, run)
    for name, source in COPIES.items():
        target = run.databases / f"{name}.sqlite"
        shutil.copyfile(empty / f"{source}.sqlite", target)
        with contextlib.closing(sqlite3.connect(target)) as database:
            database.execute("PRAGMA journal_mode=WAL")
    with contextlib.closing(sqlite3.connect(run.databases / "placement.sqlite")) as database:
        database.execute("PRAGMA journal_mode=WAL")


def record_cells(run: folders.RunFolder) -> None:
    """Record cell0 and cell1 with this run's addresses."""
    _schema("cells", run.etc / "nova.conf", run)


def _make_empty(empty: pathlib.Path, run: folders.RunFolder) -> None:
    part = empty.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    plain = settings.Settings(run, Ports())
    sections = settings.merged(
        plain.control(),
        {
            "api_database": {"connection": f"sqlite:///{part}/nova_api.sqlite"},
            "database": {"connection": f"sqlite:///{part}/nova.sqlite"},
        },
    )
    conf = run.etc / "empty.conf"
    conf.write_text(settings.text(sections))
    _schema("schema", conf, run)
    part.rename(empty)


def _schema(what: str, conf: pathlib.Path, run: folders.RunFolder) -> None:
    with (run.logs / "databases.log").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "lab.control.schema", what, str(conf)],
            check=True,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment(run, PYTHONPATH=str(folders.CHECKOUT)),
        )
