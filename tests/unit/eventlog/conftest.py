"""One database for the tests of a module; each test brings users of its own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from headrace.model.ids import UserId
from headrace.store.database import Database
from tests.unit.eventlog.writing import Author, new_database, sqlite_url


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = new_database(sqlite_url(tmp_path_factory.mktemp("log")))
    yield made
    made.close()


@pytest.fixture
def alice(database: Database) -> Author:
    return Author(database, UserId(f"alice-{uuid4().hex}"))


@pytest.fixture
def bob(database: Database) -> Author:
    return Author(database, UserId(f"bob-{uuid4().hex}"))
