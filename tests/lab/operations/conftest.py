"""The table of all operations, shown in the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.operations.five import Table


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    """Filled row by row."""
    table = Table()
    yield table
    table.show()
