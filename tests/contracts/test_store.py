"""What the store promises, on SQLite and on Postgres alike: one transaction for a change and what is told of it."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.engine import dispatch
from headrace.engine.dispatch import DurableDispatcher
from headrace.eventlog.wakeup import EVERYONE, hear
from headrace.model.errors import (
    DocumentNotFound,
    JobNotFound,
    KeyReused,
    NameTaken,
    Superseded,
    WorkspaceNotFound,
    WrongState,
)
from headrace.model.event import frame_without_job
from headrace.model.ids import LOCAL_USER, BlobKey, JobId, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import EventType, JobStatus, JobType, Stage, Verdict, WorkspaceStatus
from headrace.store import documents, jobs, record, retention, tasks, work, workspaces
from headrace.store.database import MOST_NAMED, Database, Transaction, utc_now
from headrace.store.migrations import upgrade
from headrace.store.schema import account, document, event, item, job, workspace
from headrace.store.tasks import Task
from tests.contracts.storing import Store, at, empty, submission
from tests.contracts.test_log import new_postgres
from tests.faults.chaos import until

EVE = UserId("eve")
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all tests of a kind: emptying it is much faster than making one."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('store')}/headrace.db"
        else:
            url = stack.enter_context(new_postgres(request.getfixturevalue("postgres_url")))
        made = Database(url)
        upgrade(made)
        dispatch.prepare(made)
        stack.callback(made.close)
        yield made


@pytest.fixture(scope="module")
def dispatcher(database: Database) -> Iterator[DurableDispatcher]:
    made = DurableDispatcher(database)
    yield made
    made.close()


@pytest.fixture
def store(database: Database, tmp_path: Path) -> Store:
    empty(database)
    return Store(database, tmp_path)


def queued(store: Store, sent: Job) -> list[tuple[Any, ...]]:
    """The engine's rows of a job: name and priority."""
    prefix = "" if store.database.is_sqlite else "dbos."
    statement = f"SELECT workflow_uuid, priority FROM {prefix}workflow_status WHERE workflow_uuid LIKE :like"
    return store.rows(statement, like=f"{sent.job_id}.%")


def test_a_submission_is_a_job_its_items_and_its_first_event(store: Store) -> None:
    sent = store.send(count=3, metadata={"source": "mail"}, message="three letters")

    assert store.job(sent.job_id) == sent
    assert (sent.status, sent.stage, sent.total_items, sent.work_total) == ("pending", "received", 3, 6000)
    assert [(one.ordinal, one.version, one.stage) for one in store.items(sent.job_id)] == [
        (ordinal, 1, Stage.RECEIVED) for ordinal in range(3)
    ]
    assert [told[1:] for told in store.told(sent.job_id)] == [(1, "job.received")]
    assert sent.last_number == store.told()[-1][0]


def test_a_small_document_counts_as_some_work_too(store: Store) -> None:
    with store.database.write() as transaction:
        new = store.new_document(transaction, store.workspace)
        new = replace(new, blob=replace(new.blob, size=0))
        documents.add(transaction, [new])
        sent = jobs.submit(transaction, submission(store.workspace, [new]))

    assert sent.work_total > 0


class Stop(Exception):
    """Thrown to roll back."""


def give_up(database: Database, act: Callable[[Transaction], object]) -> None:
    """Begin a write, and roll it back."""
    with suppress(Stop), database.write() as transaction:
        act(transaction)
        raise Stop


def test_a_submission_that_is_rolled_back_leaves_nothing_in_the_store_or_the_engine(
    store: Store, dispatcher: DurableDispatcher
) -> None:
    before, made = store.dump(), []

    def submit(transaction: Transaction) -> None:
        new = store.new_document(transaction, store.workspace)
        documents.add(transaction, [new])
        made.append(jobs.submit(transaction, submission(store.workspace, [new])))
        dispatcher.hand_out(transaction, made[0])

    give_up(store.database, submit)

    assert store.dump() == before
    assert queued(store, made[0]) == []


def test_a_job_is_handed_out_with_its_submission_and_once_for_each_run(
    store: Store, dispatcher: DurableDispatcher
) -> None:
    with store.database.write() as transaction:
        sent = jobs.submit(transaction, submission(store.workspace, []))
        dispatcher.hand_out(transaction, sent)
    with store.database.write() as transaction:
        dispatcher.hand_out(transaction, sent)
        dispatcher.hand_out(transaction, replace(sent, run=2))

    assert sorted(queued(store, sent)) == [(f"{sent.job_id}.1", sent.queue_tag), (f"{sent.job_id}.2", sent.queue_tag)]


def test_a_job_that_is_not_there_or_someone_else_s_is_not_found(store: Store) -> None:
    theirs = store.send(store.make_workspace("default", EVE))

    with store.database.read() as connection:
        for job_id in ("nobody", "", theirs.job_id):
            with pytest.raises(JobNotFound):
                jobs.get(connection, LOCAL_USER, job_id)
        with pytest.raises(DocumentNotFound):
            documents.get(connection, LOCAL_USER, store.items(theirs.job_id)[0].document_id)
        with pytest.raises(WorkspaceNotFound):
            workspaces.get(connection, LOCAL_USER, theirs.workspace_id or "")


def check_numbers(store: Store) -> int:
    """Each user's events, and each job's, are 1..n in the order of their numbers; returns how many there are."""
    statement = sa.select(event.c.user_id, event.c.number, event.c.job_id, event.c.sequence).order_by(event.c.number)
    by_user: dict[str, list[int]] = {}
    by_job: dict[str, list[int]] = {}
    with store.database.read() as connection:
        for user_id, number, job_id, sequence in connection.execute(statement):
            by_user.setdefault(user_id, []).append(number)
            if job_id is not None:
                by_job.setdefault(job_id, []).append(sequence)
        last = dict(tuple(row) for row in connection.execute(sa.select(account.c.user_id, account.c.last_number)))
    for numbers in [*by_user.values(), *by_job.values()]:
        assert numbers == list(range(1, len(numbers) + 1))
    assert {user: len(numbers) for user, numbers in by_user.items()} == last
    return sum(map(len, by_user.values()))


def tell(database: Database, job_id: JobId, count: int) -> None:
    """Each event in a transaction of its own; now and then one that comes to nothing."""

    def report(transaction: Transaction) -> None:
        with record.changing(transaction, job_id) as draft:
            draft.report(EventType.JOB_PROGRESS)

    for _ in range(count):
        give_up(database, report)
        with database.write() as transaction:
            report(transaction)


def test_numbers_are_without_gaps_however_many_write_at_once(store: Store) -> None:
    mine = [store.send() for _ in range(2)]
    hers = [store.send(store.make_workspace("default", EVE)) for _ in range(1)]
    before = check_numbers(store)

    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(tell, store.database, sent.job_id, 8) for sent in [*mine, *mine, *hers, *hers]]
        for writer in writers:
            writer.result()

    assert check_numbers(store) == before + 6 * 8
    assert [store.job(sent.job_id).sequence for sent in mine] == [17, 17]


WRITER = """
import sys
from headrace.model.vocabulary import EventType
from headrace.store import record
from headrace.store.database import MOST_NAMED, Database, Transaction, utc_now

database = Database(sys.argv[1])
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    with database.write() as transaction, record.changing(transaction, sys.argv[2]) as draft:
        draft.report(EventType.JOB_PROGRESS)
"""


def test_numbers_are_without_gaps_when_two_processes_write(store: Store) -> None:
    sent, each = store.send(), 30
    url = store.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", WRITER, url, sent.job_id, str(each)]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(2)]

    for writer in writers:
        writer.communicate("go\n", timeout=100)

    assert [writer.returncode for writer in writers] == [0, 0]
    check_numbers(store)
    assert store.job(sent.job_id).sequence == 1 + 2 * each


def test_a_job_s_new_numbers_are_committed_with_its_row(store: Store) -> None:
    sent = store.send()

    with store.database.write() as transaction, record.changing(transaction, sent.job_id) as draft:
        draft.report(EventType.JOB_PROGRESS, message="one")
        draft.report(EventType.JOB_PROGRESS, message="two")

    after = store.job(sent.job_id)
    assert (after.sequence, after.last_number, after.message) == (3, sent.last_number + 2, "two")
    with store.database.read() as connection:
        bodies = [
            json.loads(row[0]) for row in connection.execute(sa.select(event.c.body).filter_by(job_id=sent.job_id))
        ]
    assert [(body["seq"], body["message"]) for body in bodies] == [(1, ""), (2, "one"), (3, "two")]


def test_the_same_key_and_body_is_the_same_job_and_another_body_is_refused(store: Store) -> None:
    sent = store.send(idempotency_key="k1", request_hash="a" * 64)

    with store.database.read() as connection:
        assert jobs.find_repeat(connection, LOCAL_USER, "k1", "a" * 64) == sent
        assert jobs.find_repeat(connection, LOCAL_USER, "k2", "a" * 64) is None
        assert jobs.find_repeat(connection, EVE, "k1", "a" * 64) is None
        with pytest.raises(KeyReused):
            jobs.find_repeat(connection, LOCAL_USER, "k1", "b" * 64)


def test_a_key_belongs_to_one_job_whoever_tries(store: Store) -> None:
    store.send(idempotency_key="k1", request_hash="a" * 64)

    with pytest.raises(sa.exc.IntegrityError):
        store.send(idempotency_key="k1", request_hash="a" * 64)
    assert store.send(store.make_workspace("default", EVE), idempotency_key="k1").user_id == EVE


def test_a_worker_of_an_earlier_run_writes_nothing(store: Store) -> None:
    sent = store.send()
    old = store.start(sent.job_id, 1)
    store.claim(old)
    held = old.items[0]
    store.move(jobs.pause, sent.job_id)
    store.move(jobs.resume, sent.job_id)
    new = store.start(sent.job_id, 2)
    before = store.dump()

    for act in (
        lambda: store.start(sent.job_id, 1),
        lambda: store.claim(old),
        lambda: store.read(old, held, 2),
        lambda: store.fail(old, held),
        lambda: store.finish(old),
    ):
        with pytest.raises(Superseded):
            act()

    assert store.dump() == before
    store.claim(new)
    assert new.items[0].claim == 2


@pytest.mark.parametrize("status", [one for one in JobStatus if one is not JobStatus.RUNNING])
def test_a_worker_of_a_job_that_does_not_run_writes_nothing(store: Store, status: JobStatus) -> None:
    sent = store.bring_to(status)
    before = store.dump()

    with (
        pytest.raises(Superseded),
        store.database.write() as transaction,
        work.working(transaction, sent.job_id, sent.run),
    ):
        pass
    with pytest.raises(Superseded), store.database.write() as transaction:
        work.finish(transaction, sent.job_id, sent.run)
    with pytest.raises(Superseded), store.database.write() as transaction:
        work.fail(transaction, sent.job_id, sent.run, "no reason")

    assert store.dump() == before


def test_a_document_that_another_worker_has_taken_up_is_not_written_by_the_first(store: Store) -> None:
    sent = store.send(count=2)
    first = store.start(sent.job_id, 1)
    store.claim(first)
    held = dict(first.items)
    second = store.start(sent.job_id, 1)
    store.claim(second)
    before = store.dump()

    with pytest.raises(Superseded):
        store.read(first, held[1], 3)
    with pytest.raises(Superseded):
        store.fail(first, held[0])

    assert store.dump() == before
    store.read(second, second.items[1], 3)


def test_a_document_on_which_workers_die_is_failed_and_anything_saved_clears_the_count(store: Store) -> None:
    sent = store.send(count=2)
    for _ in range(3):
        worker = store.start(sent.job_id, 1)
        store.claim(worker)
    store.read(worker, worker.items[0], 1)
    assert [one.deaths for one in store.items(sent.job_id)] == [0, 3]

    store.claim(store.start(sent.job_id, 1))

    first, second = store.items(sent.job_id)
    assert (first.stage, first.deaths) == (Stage.INDEXING, 1)
    assert (second.stage, second.error_code) == (Stage.FAILED, work.WORKER_DIED)


def test_a_job_with_documents_left_is_not_finished(store: Store) -> None:
    worker = store.start(store.send().job_id, 1)

    with pytest.raises(Superseded):
        store.finish(worker)


def test_of_two_workers_that_claim_at_once_the_later_one_has_all_documents(store: Store) -> None:
    sent = store.send(count=3)
    workers = [store.start(sent.job_id, 1) for _ in range(2)]
    barrier = threading.Barrier(2, timeout=30)

    def take_up(_: object) -> bool:
        with store.hand(sent) as hand:
            claimed = work.claim(hand)
        barrier.wait()
        try:
            with store.hand(sent) as hand:
                work.take_up(hand, claimed, 3)
        except Superseded:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        won = list(pool.map(take_up, workers))

    assert sorted(won) == [False, True]
    assert {(one.claim, one.deaths) for one in store.items(sent.job_id)} == {(2, 1)}
    check_numbers(store)


def test_what_a_worker_has_finished_is_not_taken_up_again_by_one_who_came_meanwhile(store: Store) -> None:
    sent = store.send(count=2)
    first = store.start(sent.job_id, 1)
    store.claim(first)
    store.read(first, first.items[0], 2)
    store.index(first, first.items[0], 2)

    second = store.start(sent.job_id, 1)
    store.claim(second)

    assert list(second.items) == [1]
    with pytest.raises(Superseded):
        store.read(first, first.items[1], 2)
    store.read(second, second.items[1], 2)
    store.index(second, second.items[1], 2)
    assert store.finish(second).status is JobStatus.COMPLETED


def test_what_has_ended_since_it_was_claimed_is_not_begun_again(store: Store) -> None:
    sent = store.send(count=1)
    worker = store.start(sent.job_id, 1)
    store.claim(worker)
    held = list(worker.items.values())
    store.fail(worker, held[0])
    before = store.dump()

    with pytest.raises(Superseded), store.hand(sent) as hand:
        work.take_up(hand, held, 3)

    assert store.dump() == before


VERBS: dict[str, Callable[..., Job]] = {
    "cancel": jobs.cancel,
    "pause": jobs.pause,
    "resume": jobs.resume,
    "retry": jobs.retry,
}
MOVES = {
    "cancel": ({"pending", "running", "paused"}, "cancelled", "job.cancelled"),
    "pause": ({"pending", "running"}, "paused", "job.paused"),
    "resume": ({"paused"}, "pending", "job.resumed"),
    "retry": ({"completed", "failed"}, "pending", "job.received"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", JobStatus)
def test_a_move_is_written_and_told_or_refused_and_nothing_is_written(
    store: Store, status: JobStatus, verb: str
) -> None:
    sent = store.bring_to(status)
    before = store.dump()
    allowed, target, told = MOVES[verb]

    if status not in allowed:
        with pytest.raises(WrongState):
            store.move(VERBS[verb], sent.job_id)
        assert store.dump() == before
        return
    after = store.move(VERBS[verb], sent.job_id)

    assert store.job(sent.job_id) == after
    assert after.status == target
    assert store.told(sent.job_id)[-1][2] == told
    check_numbers(store)


def test_a_job_of_which_no_document_succeeded_has_failed(store: Store) -> None:
    ended = store.work_off(store.send(count=2), failing=[0, 1])

    assert (ended.status, ended.failed_items, ended.error_message) == (
        "failed",
        2,
        "all failed; notes.txt: it cannot be read",
    )
    assert ended.progress < 1


def test_a_job_with_some_failures_is_completed_and_says_how_many(store: Store) -> None:
    ended = store.work_off(store.send(count=3), failing=[1])

    assert (ended.status, ended.progress, ended.message) == ("completed", 1.0, "1 of 3 documents failed")
    assert (ended.processed_items, ended.failed_items, ended.chunks_created) == (3, 1, 4)
    assert (ended.current_chunk, ended.total_chunks) == (4, 4)


def test_every_stage_is_told_once_and_in_order_whatever_is_skipped(store: Store) -> None:
    ended = store.work_off(store.send(count=2))

    with store.database.read() as connection:
        bodies = connection.execute(sa.select(event.c.body).filter_by(job_id=ended.job_id).order_by(event.c.sequence))
        frames = [json.loads(row[0]) for row in bodies]
    stages = [frame["stage"] for frame in frames if frame["type"] == "job.stage"]
    assert stages == ["extracting", "chunking", "enriching", "indexing"]
    shares = [frame["progress"] for frame in frames]
    assert shares == sorted(shares)
    assert [frame["type"] for frame in frames if frame["progress"] == 1.0] == ["job.completed"]


def test_progress_is_told_only_so_often_and_never_later_than_the_end(store: Store) -> None:
    sent = store.send()
    worker = store.start(sent.job_id, 1)
    store.claim(worker)
    held = worker.items[0]
    for step in range(1, 6):
        with store.database.write() as transaction:
            same_time = at(transaction, sent.created_at)
            with work.working(same_time, sent.job_id, 1, interval_seconds=60) as hand:
                held = hand.move(held, replace(held, work_done=held.work_done + 10 * step))

    told = [kind for _, _, kind in store.told(sent.job_id)]
    assert told.count("job.progress") <= 1


def test_a_cancelled_job_takes_back_what_it_made_searchable(store: Store) -> None:
    sent = store.send(count=2)
    worker = store.start(sent.job_id, 1)
    store.claim(worker)
    store.read(worker, worker.items[0], 2)
    store.index(worker, worker.items[0], 2)
    made = store.items(sent.job_id)[0]
    assert store.visible(made) == 2

    cancelled = store.move(jobs.cancel, sent.job_id)

    assert store.visible(made) == 0
    assert cancelled.chunks_created == 0
    for one in store.items(sent.job_id):
        found = store.document(one.document_id)
        assert (found.processing_status, found.processing_error) == ("failed", "cancelled")
        assert (found.live_version, found.chunk_count, one.stage) == (None, None, "cancelled")


def test_a_document_that_had_an_older_version_is_served_in_it_again(store: Store) -> None:
    first = store.work_off(store.send())
    known = store.items(first.job_id)[0]
    again = store.submit(new=0, again=[known.document_id])
    worker = store.start(again.job_id, 1)
    store.claim(worker)
    store.read(worker, worker.items[0], 5)
    store.index(worker, worker.items[0], 5)
    assert (store.visible(known), store.document(known.document_id).live_version) == (0, 2)
    store.housekeeping.sweep()

    store.move(jobs.cancel, again.job_id)

    served = store.document(known.document_id)
    assert (served.live_version, served.processing_status, served.processing_error) == (1, "ready", None)
    assert (served.chunk_count, store.visible(known)) == (2, 2)
    assert store.told(again.job_id)[-2][2] == "document.status.updated"


def test_cancelling_a_retry_leaves_alone_what_the_first_attempt_had_finished(store: Store) -> None:
    first = store.work_off(store.send())
    known = store.items(first.job_id)[0]
    both = store.submit(new=1, again=[known.document_id])
    worker = store.start(both.job_id, 1)
    store.claim(worker)
    claimed = worker.items.values()
    done, failed = sorted(claimed, key=lambda one: one.document_id != known.document_id)
    store.fail(worker, failed)
    store.read(worker, done, 3)
    store.index(worker, worker.items[done.ordinal], 3)
    store.finish(worker)
    store.housekeeping.sweep()
    store.move(jobs.retry, both.job_id)

    cancelled = store.move(jobs.cancel, both.job_id)

    served = store.document(known.document_id)
    assert (served.live_version, served.processing_status, served.chunk_count) == (2, "ready", 3)
    assert store.document(failed.document_id).processing_status == "failed"
    assert cancelled.chunks_created == 3


def test_what_a_cancelled_job_had_made_is_cleared_away(store: Store) -> None:
    sent = store.send()
    worker = store.start(sent.job_id, 1)
    store.claim(worker)
    store.read(worker, worker.items[0], 3)
    store.move(jobs.cancel, sent.job_id)
    assert store.rows("SELECT count(*) FROM chunk") == [(3,)]

    store.housekeeping.sweep()

    assert store.rows("SELECT count(*) FROM chunk") == [(0,)]
    assert [one.leftover_version for one in store.items(sent.job_id)] == [None]


def test_an_older_version_goes_once_the_job_that_replaced_it_has_ended(store: Store) -> None:
    first = store.work_off(store.send())
    known = store.items(first.job_id)[0]
    store.work_off(store.submit(new=0, again=[known.document_id]))

    store.housekeeping.sweep()

    assert store.rows("SELECT DISTINCT version FROM chunk") == [(2,)]


def test_a_document_of_a_later_job_is_left_to_that_job(store: Store) -> None:
    sent = store.send()
    document_id = store.items(sent.job_id)[0].document_id
    later = store.submit(new=0, again=[document_id])

    store.move(jobs.cancel, sent.job_id)

    assert store.document(document_id).job_id == later.job_id
    assert store.document(document_id).processing_status == "pending"


def test_a_rebuilt_collection_changes_for_readers_in_one_moment(store: Store) -> None:
    old = store.items(store.work_off(store.send(count=2)).job_id)
    sent = store.send(count=2, force_recreate=True)
    worker = store.start(sent.job_id, 1)
    store.claim(worker)
    for one in list(worker.items.values()):
        store.read(worker, one, 2)
        store.index(worker, worker.items[one.ordinal], 2)
    new = [one.document_id for one in store.items(sent.job_id)]
    assert store.documents_of(store.workspace) == {one.document_id: 1 for one in old} | dict.fromkeys(new)

    store.finish(worker)

    assert store.documents_of(store.workspace) == dict.fromkeys(new, 1)
    kinds = [kind for _, _, kind in store.told(sent.job_id)]
    assert kinds[-3:] == ["document.status.updated", "document.status.updated", "job.completed"]


def test_a_rebuild_of_which_nothing_succeeded_leaves_the_collection_as_it_was(store: Store) -> None:
    old = store.items(store.work_off(store.send()).job_id)[0]
    sent = store.send(force_recreate=True)

    store.work_off(sent, failing=[0])

    assert store.documents_of(store.workspace)[old.document_id] == 1


def test_what_is_sent_after_a_rebuild_was_asked_for_stays(store: Store) -> None:
    sent = store.send(force_recreate=True)
    later = store.send()

    store.work_off(later)
    store.work_off(sent)

    assert set(store.documents_of(store.workspace).values()) == {1}
    assert store.items(later.job_id)[0].document_id in store.documents_of(store.workspace)


def test_a_retry_does_again_only_what_failed(store: Store) -> None:
    sent = store.send(count=3)
    store.work_off(sent, failing=[1])
    good = [one for one in store.items(sent.job_id) if one.stage is Stage.COMPLETED]

    again = store.move(jobs.retry, sent.job_id)
    worker = store.start(sent.job_id, again.run)
    store.claim(worker)

    assert (again.attempt, again.run, again.processed_items, again.failed_items) == (2, 2, 2, 0)
    assert 0 < again.progress < 1
    assert list(worker.items) == [1]
    assert [one for one in store.items(sent.job_id) if one.stage is Stage.COMPLETED] == good

    store.read(worker, worker.items[1], 2)
    store.index(worker, worker.items[1], 2)
    ended = store.finish(worker)
    assert (ended.status, ended.failed_items, ended.chunks_created) == ("completed", 0, 6)


def work_off_with_a_failed_page(store: Store, sent: Job, ordinal: int, pages: Sequence[int] = (3,)) -> Job:
    """To its end; of the document with that ordinal some pages could not be read."""
    worker = store.start(sent.job_id, sent.run)
    store.claim(worker)
    for one in list(worker.items.values()):
        failed = [{"page": page, "reason": "is damaged"} for page in pages if one.ordinal == ordinal]
        described = replace(one, description={"failed_pages": failed} if failed else {})
        store.read(worker, described, 2)
        store.index(worker, worker.items[one.ordinal], 2)
    return store.finish(worker)


def test_a_retry_makes_documents_anew_of_which_pages_are_missing_and_readers_see_the_old_ones(store: Store) -> None:
    sent = store.send(count=2)
    ended = work_off_with_a_failed_page(store, sent, 1)
    whole, patchy = (one.document_id for one in store.items(sent.job_id))
    assert (ended.status, ended.processed_items, ended.chunks_created) == ("completed", 2, 4)

    again = store.move(jobs.retry, sent.job_id)

    assert (again.attempt, again.processed_items, again.chunks_created) == (2, 1, 2)
    assert again.stats.documents_processed == 1
    assert 0 < again.progress < 1
    assert store.documents_of(store.workspace) == {whole: 1, patchy: 1}
    ended = work_off_with_a_failed_page(store, again, 1, pages=[])
    assert (ended.status, ended.processed_items, ended.chunks_created) == ("completed", 2, 4)
    assert ended.stats.documents_processed == 2
    assert store.documents_of(store.workspace) == {whole: 1, patchy: 2}
    assert "failed_pages" not in store.document(patchy).metadata
    with pytest.raises(WrongState):
        store.move(jobs.retry, sent.job_id)


def test_a_cancelled_retry_of_failed_pages_leaves_what_readers_saw(store: Store) -> None:
    sent = store.send()
    work_off_with_a_failed_page(store, sent, 0)
    (only,) = store.items(sent.job_id)
    again = store.move(jobs.retry, sent.job_id)
    worker = store.start(sent.job_id, again.run)
    store.claim(worker)
    store.read(worker, worker.items[0], 2)

    store.move(jobs.cancel, sent.job_id)

    kept = store.document(only.document_id)
    assert (kept.live_version, kept.processing_status, kept.chunk_count) == (1, "ready", 2)


def test_a_document_that_a_later_job_made_anew_is_not_retried_by_the_first(store: Store) -> None:
    sent = store.send()
    work_off_with_a_failed_page(store, sent, 0)
    (only,) = store.items(sent.job_id)
    with store.database.write() as transaction:
        same = documents.get(transaction.connection, LOCAL_USER, only.document_id)
        changed = {"verdicts": {only.document_id: Verdict.CHANGED}}
        later = jobs.submit(transaction, submission(store.workspace, [same], **changed))
    store.work_off(later)

    with pytest.raises(WrongState):
        store.move(jobs.retry, sent.job_id)


def test_a_failed_document_waits_again_when_its_job_is_retried(store: Store) -> None:
    sent = store.send()
    store.work_off(sent, failing=[0])
    document_id = store.items(sent.job_id)[0].document_id
    assert store.document(document_id).processing_error == "it cannot be read"

    store.move(jobs.retry, sent.job_id)

    assert (store.document(document_id).processing_status, store.document(document_id).processing_error) == (
        "pending",
        None,
    )


def test_a_user_with_one_job_does_not_wait_behind_another_s_hundred(store: Store) -> None:
    eves = store.make_workspace("default", EVE)
    hundred = [store.send() for _ in range(10)]
    one = store.send(eves)

    tags = [sent.queue_tag for sent in hundred]
    assert tags == list(range(tags[0], tags[0] + 10))
    assert one.queue_tag == tags[0]
    with store.database.read() as connection:
        assert jobs.count_ahead(connection, one) == 1
        assert jobs.count_ahead(connection, hundred[-1]) == 10
        assert jobs.count_pending(connection) == 11


def test_nobody_saves_up_a_claim_by_being_idle(store: Store) -> None:
    eves = store.make_workspace("default", EVE)
    for _ in range(5):
        store.work_off(store.send())
    running = store.send()
    store.start(running.job_id, 1)
    mine, hers = store.send(), store.send(eves)

    assert mine.queue_tag == hers.queue_tag == running.queue_tag + 1


def test_two_users_with_many_jobs_take_turns(store: Store) -> None:
    eves = store.make_workspace("default", EVE)
    sent = [store.send() for _ in range(3)] + [store.send(eves) for _ in range(3)]

    order = sorted(sent, key=lambda one: (one.queue_tag, one.job_id))

    assert [one.user_id for one in order] == [LOCAL_USER, EVE] * 3


IMPOSSIBLE: dict[str, tuple[sa.Table, dict[str, Any]]] = {
    "an unknown status": (job, {"status": "lost"}),
    "an unknown stage": (job, {"stage": "resting"}),
    "an end without a time": (job, {"status": "failed"}),
    "a time without an end": (job, {"completed_at": utc_now()}),
    "all done before the end": (job, {"progress": 1.0}),
    "more than all": (job, {"progress": 1.5}),
    "less than nothing": (job, {"progress": -0.1}),
    "more failed than processed": (job, {"failed_items": 1}),
    "more processed than there are": (job, {"processed_items": 9}),
    "no chunks of zero": (job, {"total_chunks": 0}),
    "a negative count": (job, {"chunks_created": -1}),
    "a negative number": (job, {"last_number": -1}),
    "an item beyond its work": (item, {"work_done": 10**9}),
    "more chunks indexed than made": (item, {"chunks_indexed": 1}),
    "an unknown stage of an item": (item, {"stage": "resting"}),
    "a negative claim": (item, {"claim": -1}),
    "an unknown status of a document": (document, {"processing_status": "lost"}),
    "a negative size": (document, {"size": -1}),
    "a document of no workspace": (document, {"workspace_id": "nowhere"}),
    "an unknown status of a workspace": (workspace, {"status": "lost"}),
    "an event numbered in no job": (event, {"job_id": None}),
    "a position before the first": (account, {"pruned_number": -1}),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_the_database_itself_refuses(store: Store, what: str) -> None:
    store.send()
    table, values = IMPOSSIBLE[what]

    with pytest.raises(sa.exc.IntegrityError), store.database.write() as transaction:
        transaction.execute(sa.update(table).values(values))


def test_the_database_refuses_a_deleted_document_that_is_searched(store: Store) -> None:
    store.work_off(store.send())

    with pytest.raises(sa.exc.IntegrityError), store.database.write() as transaction:
        transaction.execute(sa.update(document).values(deleted_at=transaction.now))


def count_again(store: Store, user: UserId) -> None:
    """Number an event as one was numbered before."""
    with store.database.write() as transaction:
        transaction.execute(sa.update(account).values(last_number=0))
        record.append(transaction, user, [frame_without_job(EventType.WORKSPACE_STATUS, user, transaction.now)])


def test_the_database_refuses_two_events_of_one_number(store: Store) -> None:
    sent = store.send()

    with pytest.raises(sa.exc.IntegrityError):
        count_again(store, sent.user_id)
    check_numbers(store)


def test_pages_of_jobs_are_newest_first_and_lose_nothing_while_more_come_in(store: Store) -> None:
    sent = [store.send() for _ in range(7)]
    seen: list[str] = []
    before = None
    with store.database.read() as connection:
        while page := jobs.select_page(connection, LOCAL_USER, status=None, limit=3, before=before):
            seen += [one.job_id for one in page]
            before = page[-1].job_id

    assert seen == [one.job_id for one in reversed(sent)]
    store.send()
    with store.database.read() as connection:
        rest = jobs.select_page(connection, LOCAL_USER, status=None, limit=9, before=seen[2])
    assert [one.job_id for one in rest] == seen[3:]


def test_lists_can_be_asked_for_one_status(store: Store) -> None:
    pending, done = store.send(), store.work_off(store.send())

    with store.database.read() as connection:
        found = {
            status: [
                one.job_id for one in jobs.select_page(connection, LOCAL_USER, status=status, limit=9, before=None)
            ]
            for status in JobStatus
        }
        alive = [one.job_id for one in jobs.select_alive(connection, LOCAL_USER, limit=9)]
    assert {status: ids for status, ids in found.items() if ids} == {
        JobStatus.PENDING: [pending.job_id],
        JobStatus.COMPLETED: [done.job_id],
    }
    assert alive == [pending.job_id]


def test_pages_of_documents_and_items_are_whole(store: Store) -> None:
    sent = store.send(count=5)
    other = store.make_workspace("other")
    store.send(other, count=2)
    with store.database.read() as connection:
        first = documents.select_page(connection, LOCAL_USER, limit=4)
        rest = documents.select_page(connection, LOCAL_USER, limit=9, before=first[-1].document_id)
        elsewhere = documents.select_page(connection, LOCAL_USER, limit=9, workspace_id=other.workspace_id)
        items = jobs.items(connection, sent.job_id, after=1, limit=2)

    ids = [one.document_id for one in [*first, *rest]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 7
    assert len(elsewhere) == 2
    assert [one.ordinal for one in items] == [2, 3]


def test_jobs_are_counted_by_status_and_by_user(store: Store) -> None:
    store.send(store.make_workspace("default", EVE))
    store.send()
    store.work_off(store.send(count=2), failing=[0])

    with store.database.read() as connection:
        counted = jobs.count(connection, LOCAL_USER)

    assert counted == {"total_jobs": 2, "pending": 1, "running": 0, "paused": 0, "completed": 1, "failed": 0,
                       "cancelled": 0, "total_chunks_created": 2}  # fmt: skip


def test_a_workspace_is_made_and_told_and_its_name_is_taken(store: Store) -> None:
    made = store.make_workspace("mill")

    assert (made.status, store.told()[-1][2]) == (WorkspaceStatus.PROVISIONING, "workspace.status.updated")
    with pytest.raises(NameTaken):
        store.make_workspace("mill")
    assert store.make_workspace("mill", EVE).user_id == EVE


def test_a_workspace_is_found_by_its_name_and_its_id_with_a_count_of_its_documents(store: Store) -> None:
    mill = store.make_workspace("mill")
    store.send(mill, count=2)

    with store.database.read() as connection:
        for name in ("mill", mill.workspace_id):
            assert workspaces.get(connection, LOCAL_USER, name, is_counted=True).document_count == 2
        page = workspaces.select_page(connection, LOCAL_USER, limit=1, before=None)
        rest = workspaces.select_page(connection, LOCAL_USER, limit=9, before=page[0].workspace_id)
    assert [one.name for one in [*page, *rest]] == ["mill", "default"]


def test_a_change_of_a_workspace_replaces_the_settings_that_it_names(store: Store) -> None:
    mill = store.make_workspace("mill")
    with store.database.write() as transaction:
        mill = workspaces.change(transaction, mill, name=None, rag_config={"chunk_size": 64, "enrichment": False})
    with store.database.write() as transaction:
        workspaces.change(transaction, mill, name="weir", rag_config={"chunk_size": 32})
        with pytest.raises(NameTaken):
            workspaces.change(transaction, mill, name="default", rag_config=None)

    with store.database.read() as connection:
        found = workspaces.get(connection, LOCAL_USER, "weir")
        config = workspaces.rag_config(connection, found.workspace_id)
    assert found.rag_config == {"chunk_size": 32, "enrichment": False}
    assert (config.chunk_size, config.enrichment, config.embedder) == (32, False, "default")


def test_a_workspace_inherits_what_it_does_not_set_from_its_user(store: Store) -> None:
    with store.database.write() as transaction:
        workspaces.set_default_rag_config(transaction, LOCAL_USER, {"chunk_size": 99})
        workspaces.set_default_rag_config(transaction, LOCAL_USER, {"chunk_size": 48, "embedder": "none"})

    with store.database.read() as connection:
        config = workspaces.rag_config(connection, store.workspace.workspace_id)
        hers = workspaces.default_rag_config(connection, EVE)
    assert (config.chunk_size, config.embedder, hers.chunk_size) == (48, "none", 256)


def test_a_hidden_workspace_is_gone_with_its_documents_and_its_name_is_free(store: Store) -> None:
    mill = store.make_workspace("mill")
    store.work_off(store.send(mill))

    with store.database.write() as transaction:
        workspaces.hide(transaction, mill)
        assert not workspaces.remove(transaction, mill.workspace_id)

    with store.database.read() as connection:
        assert workspaces.find(connection, LOCAL_USER, "mill") is None
        assert workspaces.find(connection, LOCAL_USER, mill.workspace_id) is None
        assert documents.select_page(connection, LOCAL_USER, limit=9) == []
    store.make_workspace("mill")
    store.housekeeping.sweep()
    with store.database.write() as transaction:
        assert workspaces.remove(transaction, mill.workspace_id)
        assert workspaces.set_status(transaction, mill.workspace_id, WorkspaceStatus.READY) is None


def begin(store: Store, **given: Any) -> Job:
    with store.database.write() as transaction:
        return tasks.begin(transaction, LOCAL_USER, Task(title="Reindex", **given))


def advance(store: Store, task: Job, count: int, total: int | None = None, message: str | None = None) -> Job:
    with store.database.write() as transaction:
        return tasks.advance(transaction, task.job_id, count=count, total=total, message=message, interval=0.0)


def test_a_task_runs_from_the_start_and_counts_its_steps(store: Store) -> None:
    task = begin(store, total=4)
    assert (task.status, task.total_items, task.message) == ("running", 4, "Reindex")

    half = advance(store, task, 2, message="halfway")
    with store.database.write() as transaction:
        done = tasks.finish(transaction, task.job_id, error=None, message="all there")

    assert (half.progress, half.message, half.lease_renewals) == (0.5, "halfway", 1)
    assert (done.status, done.progress, done.message) == ("completed", 1.0, "all there")
    assert [kind for _, _, kind in store.told(task.job_id)] == [
        "job.received", "job.stage", "job.progress", "job.completed",
    ]  # fmt: skip


def test_a_task_that_counts_further_than_it_said_stays_below_all(store: Store) -> None:
    task = begin(store, total=2)

    told = [advance(store, task, 1).progress for _ in range(4)]

    assert told == sorted(told)
    assert told[-1] < 1


def test_a_task_of_unknown_length_counts_its_steps_without_a_share(store: Store) -> None:
    task = begin(store)

    after = advance(store, task, 3)

    assert (after.progress, after.processed_items) == (0.0, 3)


def test_a_task_may_say_late_how_many_steps_it_has(store: Store) -> None:
    task = begin(store)

    assert advance(store, task, 1, total=4).progress == 0.25


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_nothing_is_written_of_a_task_that_has_ended(store: Store, is_cancelled: bool) -> None:
    task = begin(store, total=2)
    with store.database.write() as transaction:
        if is_cancelled:
            jobs.cancel(transaction, task.job_id)
        else:
            tasks.finish(transaction, task.job_id, error="no more", message=None)
    before = store.dump()

    with pytest.raises(Superseded):
        advance(store, task, 1)
    with pytest.raises(Superseded), store.database.write() as transaction:
        tasks.finish(transaction, task.job_id, error=None, message=None)

    assert store.dump() == before


def test_only_running_tasks_have_a_lease(store: Store) -> None:
    ended, running = begin(store, lease_seconds=5.0), begin(store, lease_seconds=7.0)
    store.start(store.send().job_id, 1)
    with store.database.write() as transaction:
        jobs.cancel(transaction, ended.job_id)
    advance(store, running, 1)

    with store.database.read() as connection:
        assert tasks.select_leases(connection) == [(running.job_id, 1, 7.0)]


def prune(store: Store, moment: Any, **limits: Any) -> int:
    with store.database.write() as transaction:
        return retention.prune_events(at(transaction, moment), **{"max_age_hours": 24.0, "max_jobs": 2} | limits)


def test_events_are_kept_while_they_are_young_or_among_the_newest_jobs(store: Store) -> None:
    sent = [store.work_off(store.send()) for _ in range(4)]
    counts = [one.sequence for one in sent]
    ended = max(one.completed_at for one in sent if one.completed_at)

    assert prune(store, ended + 23 * HOUR) == 0
    assert prune(store, ended + 25 * HOUR, max_jobs=4) == 0
    assert prune(store, ended + 25 * HOUR, max_jobs=2) == 2

    assert [len(store.told(one.job_id)) for one in sent] == [1, 1, *counts[2:]]


def test_the_last_event_of_an_old_job_stays_and_says_how_it_ended(store: Store) -> None:
    sent = store.work_off(store.send())

    prune(store, sent.created_at + 48 * HOUR, max_jobs=0)

    assert [kind for _, _, kind in store.told(sent.job_id)] == ["job.completed"]
    assert store.job(sent.job_id) == sent
    pruned = store.rows("SELECT pruned_number FROM account")[0][0]
    assert pruned == sent.last_number - 1


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED])
def test_a_job_that_has_not_ended_is_never_cleaned(store: Store, status: JobStatus) -> None:
    sent = store.bring_to(status)
    before = store.dump()

    assert prune(store, sent.created_at + 9000 * HOUR, max_jobs=0) == 0
    with store.database.write() as transaction:
        assert retention.forget_jobs(at(transaction, sent.created_at + 9000 * HOUR), history_days=1) == 0

    assert store.dump() == before


def test_a_job_s_summary_stays_for_the_days_of_history(store: Store) -> None:
    sent = store.work_off(store.send())
    ended = sent.completed_at or sent.created_at
    made = store.items(sent.job_id)[0]

    with store.database.write() as transaction:
        assert retention.forget_jobs(at(transaction, ended + 89 * 24 * HOUR), history_days=90) == 0
        assert retention.forget_jobs(at(transaction, ended + 91 * 24 * HOUR), history_days=90) == 1

    with pytest.raises(JobNotFound):
        store.job(sent.job_id)
    assert store.told(sent.job_id) == []
    assert (store.items(sent.job_id), store.visible(made)) == ([], 2)


@pytest.mark.parametrize(
    "clean",
    [
        lambda transaction: retention.forget_jobs(transaction, history_days=1),
        lambda transaction: retention.prune_events(transaction, max_age_hours=1, max_jobs=0),
    ],
)
def test_a_job_that_is_being_retried_is_not_cleaned(store: Store, clean: Callable[[Transaction], int]) -> None:
    sent = store.work_off(store.send(count=2), failing=[0])

    def cleaned() -> int:
        with store.database.write() as transaction:
            return clean(at(transaction, sent.created_at + 9000 * HOUR))

    with ThreadPoolExecutor() as pool:
        with store.database.write() as transaction:
            again = jobs.retry(transaction, sent.job_id)
            cleaner = pool.submit(cleaned)
            if not store.database.is_sqlite:
                wait_until_done_or_locked(store, cleaner)
        assert cleaner.result(30) == 0

    assert store.job(sent.job_id) == again
    assert len(store.told(sent.job_id)) == again.sequence


def wait_until_done_or_locked(store: Store, other: Future[int]) -> None:
    """As far as another transaction comes while this one is open."""
    locked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    until(lambda: other.done() or store.rows(locked) != [(0,)], 30, "the other is done, or waits")


def test_bytes_are_in_use_as_long_as_a_document_has_them(store: Store) -> None:
    sent = store.send()
    key = store.document(store.items(sent.job_id)[0].document_id).blob.key

    with store.database.read() as connection:
        assert retention.is_blob_used(connection, key)
        assert not retention.is_blob_used(connection, BlobKey("another"))


def test_a_log_keeps_its_name_when_it_is_opened_again(store: Store) -> None:
    again = Database(store.database.url.render_as_string(hide_password=False))
    upgrade(again)

    assert again.epoch == store.database.epoch
    assert again.epoch.isalnum()
    again.close()


def heard(database: Database, act: Callable[[], object]) -> list[str]:
    """Whom those who listen are told to look after, from when they listen until `act` is done."""
    return asyncio.run(_heard(database, act))


async def _heard(database: Database, act: Callable[[], object]) -> list[str]:
    names: asyncio.Queue[str] = asyncio.Queue()
    listener = asyncio.create_task(hear(database, names.put_nowait))
    try:
        async with asyncio.timeout(30):
            assert await names.get() == EVERYONE
            await asyncio.to_thread(act)
            await asyncio.to_thread(ring_for, database, "mark")
            found = [await names.get()]
            while found[-1] != "mark":
                found.append(await names.get())
    finally:
        listener.cancel()
    return found[:-1]


def ring_for(database: Database, *names: str) -> None:
    with database.write() as transaction:
        transaction.concerned |= set(map(UserId, names))


def test_whoever_listens_is_told_whose_log_has_grown_and_once_for_each_commit(store: Store) -> None:
    assert heard(store.database, lambda: store.send(count=3)) == [LOCAL_USER]


def test_nobody_is_told_of_what_was_rolled_back(store: Store) -> None:
    def submit(transaction: Transaction) -> None:
        jobs.submit(transaction, submission(store.workspace, []))

    assert heard(store.database, lambda: give_up(store.database, submit)) == []


def test_a_commit_for_very_many_users_rings_once_for_all(store: Store) -> None:
    many = [f"user-{number}" for number in range(MOST_NAMED + 1)]

    assert heard(store.database, lambda: ring_for(store.database, *many)) == [EVERYONE]


def test_a_durable_write_waits_for_the_disk_and_any_other_does_so_on_postgres_alone(store: Store) -> None:
    if not store.database.is_sqlite:  # which may die while workers and watchers, who have seen what it said, live on
        assert not asks_for_less(store, durable=False)
        return
    for durable, level in ((True, 2), (False, 1), (True, 2)):
        with store.database.write(durable=durable) as transaction:
            assert transaction.connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == level


def asks_for_less(store: Store, *, durable: bool) -> bool:
    """Whether a write tells Postgres not to wait for the disk."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = store.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        with store.database.write(durable=durable):
            pass
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    return any("synchronous_commit" in one for one in statements)


def test_a_read_sees_one_moment_throughout(store: Store) -> None:
    sent = store.send()
    with store.database.read() as connection:
        before = jobs.get(connection, LOCAL_USER, sent.job_id)
        with ThreadPoolExecutor() as pool:
            pool.submit(store.start, sent.job_id, 1).result()
        during = jobs.get(connection, LOCAL_USER, sent.job_id)

    assert before == during
    assert store.job(sent.job_id).status is JobStatus.RUNNING


def test_every_kind_of_job_can_be_stored(store: Store) -> None:
    for kind in JobType:
        assert store.job(store.send(job_type=kind).job_id).job_type is kind
