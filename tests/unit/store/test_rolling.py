"""What the version before says to the database is still understood: decision 0009, as far as one can see."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.store import migrations
from headrace.store.database import Database
from tests.contracts.test_log import new_postgres

pytestmark = pytest.mark.filterwarnings("ignore:Did not recognize type 'halfvec'")

FIRST = "0001"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Database]]:
    """One at the first revision, one at the newest."""
    with ExitStack() as stack:
        made = []
        for name in ("old", "new"):
            if request.param == "sqlite":
                url = f"sqlite:///{tmp_path_factory.mktemp('rolling')}/{name}.db"
            else:
                url = stack.enter_context(new_postgres(request.getfixturevalue("postgres_url")))
            made.append(Database(url))
            stack.callback(made[-1].close)
        migrations.upgrade(made[0], FIRST)
        migrations.upgrade(made[1])
        yield made[0], made[1]


def columns(database: Database) -> dict[str, dict[str, Any]]:
    found = sa.inspect(database.engine)
    return {
        table: {column["name"]: column for column in found.get_columns(table)}
        for table in found.get_table_names()
        if not table.startswith(("chunk_fts", "sqlite", "alembic"))
    }


def test_everything_that_the_first_schema_has_is_still_there(databases: tuple[Database, Database]) -> None:
    old, new = map(columns, databases)

    assert {table: set(old[table]) - set(new.get(table, ())) for table in old} == {table: set() for table in old}


def test_what_was_added_need_not_be_given(databases: tuple[Database, Database]) -> None:
    old, new = map(columns, databases)

    for table in old:
        for name in set(new[table]) - set(old[table]):
            column = new[table][name]
            assert column["nullable"] or column["default"] is not None, f"{table}.{name}"


def test_a_row_of_before_can_be_written(databases: tuple[Database, Database]) -> None:
    new = databases[1]
    then = "2026-01-15T10:30:00.000000+00:00"

    with new.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO workspace (workspace_id, user_id, name, status, rag_config, created_at)"
                " VALUES ('w', 'local', 'birds', 'ready', '{}', :now)"
            ),
            {"now": then},
        )
        connection.execute(
            sa.text(
                "INSERT INTO document (document_id, user_id, workspace_id, filename, content_type, size, blob_key,"
                " blob_offset, sha256, processing_status, metadata, next_version, created_at, updated_at)"
                " VALUES ('d', 'local', 'w', 'a.txt', 'text/plain', 1, 'k', 0, 's', 'pending', '{}', 1, :now, :now)"
            ),
            {"now": then},
        )

    with new.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM document")).scalar() == 1


def test_a_version_that_does_not_know_the_newest_revision_goes_on_with_it(databases: tuple[Database, Database]) -> None:
    newest = databases[1]
    with newest.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    migrations.upgrade(newest)

    with newest.engine.connect() as connection:
        assert migrations.current(connection) == "9999"
