"""``python -m lab.control.schema schema|cells NOVA.CONF``: make Nova's databases.

``schema`` makes empty ones with the newest schema (they depend on Nova's version alone, so the lab
keeps them in its cache); ``cells`` records the two cells of a run. Each is one process, because
Nova's configuration is global.
"""

from __future__ import annotations

import sys
import uuid


def schema() -> None:
    """The API's and the cell's database (cell0's has the same schema)."""
    from nova.db import migration

    migration.db_sync(database="api")
    migration.db_sync(database="main")


def cells() -> None:
    """cell0, and cell1 at the configured database and message bus."""
    from nova import context, objects
    from nova.conf import CONF

    admin = context.get_admin_context()
    main_database = CONF.database.connection
    cell0 = objects.CellMapping(
        admin,
        uuid=objects.CellMapping.CELL0_UUID,
        name="cell0",
        transport_url="none:///",
        database_connection=main_database.replace("/nova.sqlite", "/nova_cell0.sqlite"),
    )
    cell0.create()
    cell1 = objects.CellMapping(
        admin,
        uuid=str(uuid.uuid4()),
        name="cell1",
        transport_url=CONF.transport_url,
        database_connection=main_database,
    )
    cell1.create()


def main() -> None:
    """Do what the first argument names with the configuration that the second names."""
    what, conf = sys.argv[1:]
    from nova import config, objects

    config.parse_args(["lab", "--config-file", conf])
    objects.register_all()
    {"schema": schema, "cells": cells}[what]()


if __name__ == "__main__":
    main()
