"""What work took is remembered in the database, whichever it is, and a job that starts knows what to expect."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace.model.pace import HALF_LIFE_SECONDS, Bulk, Forecast, Pace, Plan, Unit
from headrace.model.vocabulary import Stage
from headrace.store import paces, work
from headrace.store.database import Database
from headrace.store.migrations import upgrade
from headrace.store.schema import event, job
from tests.contracts.storing import Store, empty
from tests.contracts.test_log import new_postgres

PLAN = Plan(
    bulks=[Bulk(content_type="text/plain", bytes=1000)], is_enriched=False, embedder=None, database="any", threads=1
)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('paces')}/headrace.db"
        else:
            url = stack.enter_context(new_postgres(request.getfixturevalue("postgres_url")))
        made = Database(url)
        upgrade(made)
        stack.callback(made.close)
        yield made


@pytest.fixture
def store(database: Database, tmp_path: Path) -> Store:
    empty(database)
    return Store(database, tmp_path)


def measured(seconds: float, count: float = 1000) -> list[Pace]:
    """The same of everything that a plain text goes through."""
    kinds = [
        (Stage.EXTRACTING, "text/plain", Unit.BYTES),
        (Stage.CHUNKING, "text/plain", Unit.BYTES),
        (Stage.CHUNKING, "text/plain", Unit.CHUNKS),
        (Stage.INDEXING, "any", Unit.CHUNKS),
    ]
    return [Pace(stage=stage, kind=kind, unit=unit, count=count, seconds=seconds) for stage, kind, unit in kinds]


def learn(store: Store, paces_: list[Pace]) -> None:
    with store.database.write() as transaction:
        paces.learn(transaction, paces_)


def expected(store: Store) -> Forecast | None:
    with store.database.read() as connection:
        return paces.history(connection).forecast(PLAN)


def test_nothing_is_expected_before_anything_was_learned(store: Store) -> None:
    assert expected(store) is None


def test_what_was_learned_is_expected_again(store: Store) -> None:
    learn(store, measured(4.0))

    assert expected(store) == Forecast(reading_seconds=8, indexing_seconds=4, chunks=1000)


def test_newer_work_counts_more_than_older(store: Store) -> None:
    learn(store, measured(HALF_LIFE_SECONDS))
    learn(store, measured(HALF_LIFE_SECONDS, count=2000))

    found = expected(store)

    assert found is not None
    # 1.5 half-lives for 0.5 x 1000 + 2000 units
    assert found.indexing_seconds == pytest.approx(1.5 * HALF_LIFE_SECONDS / 2.5)


def test_a_job_that_starts_tells_the_time_left_in_its_first_frame(store: Store) -> None:
    sent = store.send()
    with store.database.write() as transaction:
        work.start(transaction, sent.job_id, 1, expect=lambda *_: Forecast(reading_seconds=3, indexing_seconds=4))

    assert store.job(sent.job_id).forecast == Forecast(reading_seconds=3, indexing_seconds=4)
    with store.database.read() as connection:
        bodies = connection.scalars(sa.select(event.c.body).filter_by(job_id=sent.job_id).order_by(event.c.sequence))
        assert [json.loads(body)["eta_seconds"] for body in bodies] == [None, 7]  # received, extracting


@pytest.mark.parametrize("expected", [None, Forecast(reading_seconds=3, indexing_seconds=4)])
def test_what_is_measured_begins_anew_when_all_is_read_unless_something_is_remembered(
    store: Store, expected: Forecast | None
) -> None:
    sent = store.send()
    worker = store.start(sent.job_id, 1)
    store.claim(worker)
    began = store.job(sent.job_id).work_started_at
    with store.database.write() as transaction:
        values = {"forecast": expected.to_json() if expected else None}
        transaction.execute(sa.update(job).where(job.c.job_id == sent.job_id).values(values))

    store.read(worker, next(iter(worker.items.values())), 2)

    read = store.job(sent.job_id)
    assert read.stage is Stage.INDEXING
    assert (read.work_started_at == began, read.work_done_at_start == read.work_done) == (
        (False, True) if expected is None else (True, False)
    )


def test_what_a_job_has_is_counted_by_type(store: Store) -> None:
    sent = store.send(count=3)

    with store.database.read() as connection:
        assert paces.bulks(connection, sent) == [Bulk(content_type="text/plain", bytes=6000)]
