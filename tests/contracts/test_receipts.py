"""What is embedded is paid for once, whoever asks for it at the same time, on SQLite and on Postgres alike."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from headrace.engine.receipts import Receipts
from headrace.model.errors import DocumentError
from headrace.store import migrations
from headrace.store.database import Database
from headrace.store.postgres import WORKER_LOCKS
from headrace.store.schema import payment
from tests.contracts.test_log import new_postgres

KEYS = {bytes([number]) * 32 for number in range(6)}
VECTOR = b"\0\0" * 4


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'headrace.db'}"
        if request.param == "postgres":
            url = stack.enter_context(new_postgres(request.getfixturevalue("postgres_url")))
        made = Database(url)
        migrations.upgrade(made)
        stack.callback(made.close)
        yield made


@contextmanager
def alive(database: Database, worker_id: str) -> Iterator[sa.Connection]:
    """A worker of that name is connected, and shows that it lives."""
    with database.engine.connect() as connection:
        connection.execute(sa.text(f"SELECT pg_advisory_lock({WORKER_LOCKS}, hashtext('{worker_id}'))"))
        connection.commit()
        yield connection
        connection.invalidate()


def keep(database: Database, receipts: Receipts, keys: set[bytes] | frozenset[bytes]) -> None:
    with database.write() as transaction:
        receipts.keep(transaction, dict.fromkeys(keys, VECTOR))


def notes(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(payment)).scalar_one())


def test_what_one_thread_pays_for_is_not_given_to_another_and_then_it_is_paid(database: Database) -> None:
    receipts = Receipts(database, "one")
    with receipts.settle(KEYS) as first:
        with receipts.settle(KEYS) as second:
            assert (second.mine, second.paid) == (frozenset(), {})
        keep(database, receipts, first.mine)

    with receipts.settle(KEYS) as third:
        assert (third.mine, set(third.paid)) == (frozenset(), KEYS)
    assert first.mine == KEYS
    assert notes(database) == 0


def test_what_is_not_paid_for_after_all_is_the_next_ones(database: Database) -> None:
    receipts = Receipts(database, "one")

    def fail_midway() -> None:
        with receipts.settle(KEYS) as first:
            keep(database, receipts, set(list(first.mine)[:2]))
            raise DocumentError("embedding_failed", "no")

    with pytest.raises(DocumentError):
        fail_midway()
    with receipts.settle(KEYS) as second:
        assert (len(second.mine), len(second.paid)) == (4, 2)
    assert notes(database) == 0


def test_threads_that_begin_at_once_pay_once_between_them(database: Database) -> None:
    receipts, begin = Receipts(database, "one"), Barrier(6)

    def pay(_: int) -> int:
        bought, left = 0, KEYS
        begin.wait(60)
        while left:
            with receipts.settle(left) as settled:
                keep(database, receipts, settled.mine)
                bought += len(settled.mine)
            left = left - settled.mine - settled.paid.keys()
            if left:
                receipts.wait(left)
        return bought

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(pay, range(6))) == len(KEYS)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_worker_leaves_to_another_what_that_one_is_paying_for(database: Database) -> None:
    one, other = Receipts(database, "one"), Receipts(database, "other")
    with alive(database, "one"):
        with one.settle(KEYS) as first:
            with other.settle(KEYS) as second:
                assert (second.mine, second.paid) == (frozenset(), {})
            keep(database, one, first.mine)
        with other.settle(KEYS) as third:
            assert set(third.paid) == KEYS


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_worker_that_dies_while_it_pays_keeps_nobody_waiting(database: Database) -> None:
    one, other = Receipts(database, "one"), Receipts(database, "other")
    with alive(database, "one") as its_connection, one.settle(KEYS):
        with other.settle(KEYS) as early:
            assert early.mine == frozenset()
        its_connection.invalidate()
        its_connection.rollback()
        with other.settle(KEYS) as late:
            assert late.mine == KEYS
