from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.store.database import Database
from tests.unit.eventlog.writing import Author, new_database, sqlite_url


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = new_database(sqlite_url(tmp_path))
    yield made
    made.close()


@pytest.fixture
def alice(database: Database) -> Author:
    return Author(database)
