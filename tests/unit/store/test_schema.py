"""The tables are what the migrations make, on SQLite and on Postgres alike, and their types mean the same on both."""

import struct
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.store import migrations
from headrace.store.database import Database
from headrace.store.schema import chunk, installation, metadata, receipt
from tests.contracts.test_log import new_postgres

KEYWORD_INDEX = "chunk_fts"
"""Made by hand: neither database's way of searching words can be said in SQLAlchemy's terms."""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('schema')}/headrace.db"
        else:
            url = stack.enter_context(new_postgres(request.getfixturevalue("postgres_url")))
        made = Database(url)
        migrations.upgrade(made)
        stack.callback(made.close)
        yield made


def is_ours(name: str | None, _kind: str, _parents: object) -> bool:
    return not (name or "").startswith(KEYWORD_INDEX)


def test_the_schema_is_the_sum_of_its_migrations(database: Database) -> None:
    with database.engine.connect() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Did not recognize type 'halfvec'", sa.exc.SAWarning)
        options = {"include_name": is_ours, "compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, metadata) == []


def test_every_constraint_is_in_the_database_as_it_is_in_the_schema(database: Database) -> None:
    found = sa.inspect(database.engine)

    for table in metadata.sorted_tables:
        wanted = {str(one.name) for one in table.constraints if isinstance(one, sa.CheckConstraint)}
        assert {one["name"] for one in found.get_check_constraints(table.name)} == wanted


def test_words_can_be_searched_from_the_start(database: Database) -> None:
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql(f"SELECT count(*) FROM {KEYWORD_INDEX}").scalar_one() == 0


def test_a_current_database_is_left_as_it_is(database: Database) -> None:
    epoch = database.epoch
    migrations.upgrade(database)

    with database.engine.connect() as connection:
        assert migrations.current(connection) == migrations.head()
        names = connection.execute(sa.select(installation.c.value).filter_by(name="epoch")).scalars().all()
    assert names == [epoch]


def test_several_processes_may_make_a_database_at_once(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/new/headrace.db"

    def make(_: int) -> str:
        database = Database(url)
        migrations.upgrade(database)
        epoch = database.epoch
        database.close()
        return epoch

    with ThreadPoolExecutor() as pool:
        assert len(set(pool.map(make, range(4)))) == 1


def stored(database: Database, column: sa.Column[Any], value: Any) -> Any:
    """What comes back of a value."""
    with database.engine.connect() as connection:
        return connection.execute(sa.select(sa.cast(sa.literal(value, column.type), column.type))).scalar_one()


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_an_instant_comes_back_in_utc_to_the_microsecond(database: Database, data: st.DataObject) -> None:
    earliest, latest = datetime(1900, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001 - the zone is drawn
    moment = data.draw(st.datetimes(earliest, latest, timezones=offsets))

    found = stored(database, receipt.c.created_at, moment)

    assert found == moment
    assert found.utcoffset() == timedelta(0)


def test_instants_compare_in_the_database_as_they_follow_each_other(database: Database) -> None:
    moments = [
        datetime(2026, 1, 15, 10, 30, second, tzinfo=UTC) + timedelta(microseconds=second) for second in range(3)
    ]
    elsewhere = [
        one.astimezone(timezone(timedelta(hours=hours))) for one, hours in zip(moments, (9, 0, -9), strict=True)
    ]
    kind = receipt.c.created_at.type
    earlier = [sa.literal(one, kind) < sa.literal(other, kind) for one in elsewhere for other in elsewhere]

    with database.engine.connect() as connection:
        found = [bool(one) for one in connection.execute(sa.select(*earlier)).one()]

    assert found == [one < other for one in moments for other in moments]


halves = st.floats(width=16, allow_nan=False, allow_infinity=False)


@settings(max_examples=30, deadline=None)
@given(numbers=st.lists(halves, min_size=1, max_size=40))
def test_a_vector_comes_back_to_the_bit_but_for_the_sign_of_nothing(database: Database, numbers: list[float]) -> None:
    vector = struct.pack(f"<{len(numbers)}e", *numbers)

    found = stored(database, chunk.c.vector, vector)

    assert struct.unpack(f"<{len(numbers)}e", bytes(found)) == tuple(numbers)


def test_no_vector_is_no_vector(database: Database) -> None:
    assert stored(database, chunk.c.vector, None) is None
