"""A database for the tests that need no server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.store import migrations
from headrace.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """On SQLite, empty, with the tables of this version."""
    made = Database(f"sqlite:///{tmp_path / 'headrace.db'}")
    migrations.upgrade(made)
    yield made
    made.close()
