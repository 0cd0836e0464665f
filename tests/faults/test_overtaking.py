"""Jobs on one document that overtake each other, fail or are cancelled: what came last is served, nothing is stuck.

The engine's queue is left out: a job runs when the test says so, and in that order.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.model.errors import DocumentError, Superseded
from headrace.model.ids import LOCAL_USER
from headrace.model.vocabulary import JobStatus, ProcessingStatus, Stage
from headrace.pipeline.sniff import ZIP
from headrace.search import index
from headrace.store import archives, documents, reembedding, retention
from headrace.store.database import Transaction
from headrace.store.schema import chunk, document, revision
from tests.faults.installation import Installation
from tests.unit.pipeline.documents import zipped

BROKEN = "[1,\n"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.close()


def test_a_retry_is_of_the_bytes_that_failed(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    installation.run(installation.send(a_txt="alpha"))
    changed = installation.send(a_txt="beta")
    with monkeypatch.context() as patch:
        patch.setattr("headrace.search.index.index_chunks", fails)
        assert installation.run(changed).status is JobStatus.FAILED
    installation.housekeeping.sweep()

    installation.jobs.retry(LOCAL_USER, changed)
    assert installation.run(changed).status is JobStatus.COMPLETED

    assert (installation.finds("beta"), installation.finds("alpha")) == (True, False)


def fails(*_: object) -> None:
    """As an embedder that refuses for good, when the chunks are saved already."""
    raise DocumentError("budget_spent", "no more")


def test_what_a_failed_job_would_have_made_is_forgotten_with_the_job(installation: Installation) -> None:
    installation.run(installation.send(a_json='["alpha"]'))
    installation.run(installation.send(a_json=BROKEN))
    installation.housekeeping.sweep()
    before = installation.count(revision)

    with installation.database.write() as transaction:
        retention.forget_jobs(transaction, history_days=-1)

    assert (before, installation.count(revision)) == (2, 1)


def test_what_was_sent_last_is_served_last_though_it_is_what_was_there_before(installation: Installation) -> None:
    installation.run(installation.send(a_txt="alpha"))
    changed, reverted = installation.send(a_txt="beta"), installation.send(a_txt="alpha")

    installation.run(changed, reverted)

    assert (installation.finds("alpha"), installation.finds("beta")) == (True, False)


def test_what_was_sent_last_is_not_unchanged_while_other_bytes_are_in_line(installation: Installation) -> None:
    first, changed = installation.send(a_txt="alpha"), installation.send(a_txt="beta")
    installation.run(first)

    reverted = installation.send(a_txt="alpha")

    installation.run(changed)
    installation.run(reverted)
    assert (installation.finds("alpha"), installation.finds("beta")) == (True, False)


def test_a_document_is_ready_when_an_older_version_comes_late(installation: Installation) -> None:
    installation.run(installation.send(a_txt="alpha"))
    folder, fix = installation.send(a_txt="beta", b_txt="other"), installation.send(a_txt="gamma")

    installation.run(fix, folder)

    assert installation.document("a.txt").processing_status is ProcessingStatus.READY
    assert [installation.finds(word) for word in ("alpha", "beta", "gamma")] == [False, False, True]


def test_what_was_deleted_while_it_was_ingested_is_not_said_to_be_there(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = installation.send(a_txt="alpha", b_txt="beta")
    index_chunks = index.index_chunks

    def deleted_meanwhile(transaction: Transaction, rows: Sequence[index.IndexedChunk]) -> None:
        documents.hide(transaction, document.c.filename == "a.txt")
        index_chunks(transaction, rows)

    monkeypatch.setattr("headrace.search.index.index_chunks", deleted_meanwhile)

    ended = installation.run(job_id)

    assert (ended.status, ended.failed_items, ended.chunks_created) == (JobStatus.COMPLETED, 1, 1)
    first, second = installation.jobs.list_items(LOCAL_USER, job_id, after=None, limit=10)
    assert (first.stage, first.error_code, second.stage) == (Stage.FAILED, "deleted", Stage.COMPLETED)


def test_a_document_fails_with_the_last_job_that_has_it(installation: Installation) -> None:
    first, second = installation.send(a_json=BROKEN), installation.send(a_json=BROKEN)
    installation.jobs.cancel(LOCAL_USER, second)

    assert installation.run(first).status is JobStatus.FAILED

    found = installation.document("a.json")
    assert found.processing_status is ProcessingStatus.FAILED
    assert "line 2" in (found.processing_error or "")


@pytest.mark.parametrize("before", [{}, {"a_txt": "alpha"}])
def test_a_document_of_which_a_later_job_is_cancelled_waits_for_the_earlier_one(
    installation: Installation, before: dict[str, str]
) -> None:
    if before:
        installation.run(installation.send(**before))
    first, second = installation.send(a_txt="beta"), installation.send(a_txt="gamma")

    installation.jobs.cancel(LOCAL_USER, second)

    waiting = installation.document("a.txt")
    assert (waiting.job_id, waiting.processing_status, waiting.processing_error) == (first, "pending", None)
    installation.run(first)
    assert installation.document("a.txt").processing_status is ProcessingStatus.READY
    assert [installation.finds(word) for word in ("alpha", "beta", "gamma")] == [False, True, False]


def test_a_document_of_which_a_later_job_fails_is_still_in_the_hands_of_the_earlier_one(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = installation.send(a_json='["alpha"]'), installation.send(a_json=BROKEN)
    statuses = []
    index_chunks = index.index_chunks

    def overtaken(transaction: Transaction, rows: Sequence[index.IndexedChunk]) -> None:
        (found,) = documents.get_many(transaction.connection, [installation.document("a.json").document_id]).values()
        statuses.append(found.processing_status)
        index_chunks(transaction, rows)

    monkeypatch.setattr("headrace.search.index.index_chunks", overtaken)
    installation.jobs.pause(LOCAL_USER, first)
    installation.run(second)
    waiting = installation.document("a.json")
    installation.jobs.resume(LOCAL_USER, first)
    installation.run(first)

    assert (waiting.processing_status, waiting.processing_error, statuses) == ("pending", None, ["processing"])
    assert installation.document("a.json").processing_status is ProcessingStatus.READY
    assert installation.finds("alpha")


def test_new_vectors_for_a_workspace_that_was_deleted_fail_plainly(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.run(installation.send("w", a_txt="alpha"))
    workspace_id = installation.library.get_workspace(LOCAL_USER, "w").workspace_id
    change = {"name": None, "rag_config": {"embedder": "minilm"}}
    _, job = installation.library.change_workspace(LOCAL_USER, workspace_id, **change)
    assert job is not None
    with monkeypatch.context() as patch:
        patch.setattr("headrace.engine.reembed.Reembedding.run", fails)
        assert installation.run(job.job_id).status is JobStatus.FAILED
    installation.run(installation.library.delete_workspace(LOCAL_USER, workspace_id).job_id)

    installation.jobs.retry(LOCAL_USER, job.job_id)

    ended = installation.run(job.job_id)
    assert (ended.status, ended.error_message) == (JobStatus.FAILED, "the workspace was deleted")


def test_two_cancelled_jobs_leave_a_document_as_it_was(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.run(installation.send(a_txt="alpha"))
    first, second = installation.send(a_txt="beta", b_txt="other"), installation.send(a_txt="gamma")
    installation.jobs.cancel(LOCAL_USER, second)
    with monkeypatch.context() as patch:
        patch.setattr("headrace.engine.ingest.Ingest._finish", lambda *_: None)
        installation.run(first)
    assert installation.finds("beta")

    installation.jobs.cancel(LOCAL_USER, first)
    installation.housekeeping.sweep()

    assert installation.document("a.txt").processing_status is ProcessingStatus.READY
    assert (installation.finds("alpha"), installation.finds("beta")) == (True, False)
    assert installation.count(chunk) == 1


def test_the_jobs_of_a_workspace_say_what_they_have_done_and_count_no_documents(installation: Installation) -> None:
    made, job = installation.library.create_workspace(LOCAL_USER, "w", {})
    provisioned = installation.run(job.job_id)
    deleted = installation.run(installation.library.delete_workspace(LOCAL_USER, made.workspace_id).job_id)

    assert [one.message for one in (provisioned, deleted)] == ["The workspace is ready", "The workspace is deleted"]


def test_the_same_file_in_two_archives_of_a_job_is_two_documents_and_leaves_nothing(installation: Installation) -> None:
    same = {"LICENSE.txt": "alpha"}

    ended = installation.run(installation.send(x_zip=zipped(same), y_zip=zipped(same), LICENSE_txt="alpha"))
    installation.housekeeping.sweep()

    assert (ended.status, ended.total_items, ended.chunks_created) == (JobStatus.COMPLETED, 5, 5)
    items = installation.jobs.list_items(LOCAL_USER, ended.job_id, after=None, limit=9)
    assert len({one.document_id for one in items}) == 5
    assert installation.count(chunk) == 5


LONG = " ".join(f"wheel{number}" for number in range(1000))


def test_the_stats_of_a_job_that_was_retried_count_each_document_once(tmp_path: Path) -> None:
    installation = Installation(tmp_path, embedder="minilm")
    made, _ = installation.library.create_workspace(LOCAL_USER, "w", {"max_embeddings": 2})
    job_id = installation.send("w", a_txt="alpha", b_txt=LONG)
    first = installation.run(job_id)
    assert (first.failed_items, first.stats.errors, first.stats.embeddings_computed) == (1, 1, 2)
    installation.library.change_workspace(LOCAL_USER, made.workspace_id, name=None, rag_config={"max_embeddings": 0})

    installation.jobs.retry(LOCAL_USER, job_id)
    stats = installation.run(job_id).stats

    once = installation.run(installation.send("fresh", a_txt="alpha", b_txt=LONG)).stats
    assert (stats.chunks, stats.embeddings_computed, stats.embeddings_reused) == (once.chunks, once.chunks, 0)
    assert stats == replace(once, embeddings_computed=once.embeddings_reused, embeddings_reused=0)
    installation.close()


def test_a_first_version_that_comes_after_the_second_is_not_tried_twice(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = installation.send(a_txt=LONG), installation.send(a_txt=LONG + " and more")

    ended = [installation.run(job_id) for job_id in (second, first)]

    assert [one.failed_items for one in ended] == [0, 0]
    assert [one.message for one in caplog.records if one.levelno >= logging.WARNING] == []


class Killed(BaseException):
    """As a worker that dies: nobody catches this."""


def test_new_vectors_go_on_where_a_worker_died_and_count_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = Installation(tmp_path)
    chunks = installation.run(installation.send("w", a_txt=LONG)).chunks_created
    workspace_id = installation.library.get_workspace(LOCAL_USER, "w").workspace_id
    change = {"name": None, "rag_config": {"embedder": "minilm"}}
    _, job = installation.library.change_workspace(LOCAL_USER, workspace_id, **change)
    assert job is not None

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("headrace.engine.reembed.Reembedding._swap", dies)
        with pytest.raises(Killed):
            installation.run(job.job_id)
    with installation.database.write() as transaction:
        taken_up = reembedding.begin(transaction, job.job_id, job.run)
    ended = installation.run(job.job_id)

    assert (taken_up.current_chunk, taken_up.total_chunks) == (chunks, chunks)
    assert (ended.status, ended.stats.embeddings_computed, ended.stats.embeddings_reused) == ("completed", chunks, 0)
    installation.close()


def test_what_came_in_an_archive_is_gone_when_a_later_job_makes_the_collection_anew(installation: Installation) -> None:
    archive = installation.send(x_zip=zipped({"a.txt": "alpha"}))
    anew = installation.send(force_recreate=True, b_txt="beta")

    installation.run(archive, anew)

    assert [installation.finds(word) for word in ("alpha", "beta")] == [False, True]


def test_a_collection_made_anew_from_an_archive_leaves_no_older_chunks(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = installation.send(a_txt="alpha")
    anew = installation.send(force_recreate=True, x_zip=zipped({"a.txt": "alpha"}))
    with monkeypatch.context() as patch:  # unpacked while the file is not served yet: its next version is made
        patch.setattr("headrace.engine.twins.wait_and_settle", superseded)
        installation.run(anew)

    installation.run(first, anew)
    installation.housekeeping.sweep()

    kept = [one.chunk_count for one in installation.library.list_documents(LOCAL_USER, limit=10, before=None)]
    assert installation.count(chunk) == sum(count or 0 for count in kept) == 2


def superseded(*_: object) -> None:
    raise Superseded("the worker is gone")


def test_an_archive_that_two_workers_unpack_has_each_of_its_files_once(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = installation.send(x_zip=zipped({"a.txt": "alpha", "b.txt": "beta"}))
    with installation.database.read() as connection:
        seen = archives.waiting(connection, job_id, ZIP)
    with monkeypatch.context() as patch:
        patch.setattr("headrace.engine.twins.wait_and_settle", superseded)
        installation.run(job_id)
    monkeypatch.setattr(archives, "waiting", lambda *_: seen)  # by a worker who looked before the other had written

    ended = installation.run(job_id)

    names = [one.filename for one in installation.jobs.list_items(LOCAL_USER, job_id, after=None, limit=10)]
    assert (ended.status, ended.total_items, names) == (JobStatus.COMPLETED, 3, ["x.zip", "a.txt", "b.txt"])
    assert ended.work_done == ended.work_total


def test_an_archive_that_is_deleted_while_it_is_unpacked_adds_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = installation.send(x_zip=zipped({"a.txt": "alpha"}))
    with installation.database.read() as connection:
        seen = archives.waiting(connection, archive, ZIP)
    installation.run(installation.send(force_recreate=True, b_txt="beta"))
    monkeypatch.setattr(archives, "waiting", lambda *_: seen)  # it was there when its worker looked

    ended = installation.run(archive)

    assert (ended.status, ended.total_items) == (JobStatus.FAILED, 1)
    assert [installation.finds(word) for word in ("alpha", "beta")] == [False, True]


def test_an_archive_that_was_replaced_before_it_was_unpacked_adds_nothing(installation: Installation) -> None:
    archive = installation.send(x_zip=zipped({"a.txt": "alpha"}))
    replaced = installation.send(x_zip=zipped({"b.txt": "beta"}))

    installation.run(replaced)
    installation.run(installation.send(b_txt="gamma"))

    installation.run(archive)

    names = [one.filename for one in installation.library.list_documents(LOCAL_USER, limit=10, before=None)]
    assert sorted(names) == ["b.txt", "x.zip"]
    assert (installation.finds("beta"), installation.finds("gamma")) == (False, True)


def test_an_archive_with_what_is_here_reuses_its_vectors(tmp_path: Path) -> None:
    installation = Installation(tmp_path, embedder="minilm")
    members = {"a.txt": "alpha", "b.txt": LONG}
    installation.run(installation.send(x_zip=zipped(members)))

    ended = installation.run(installation.send(x_zip=zipped({**members, "c.txt": "gamma"})))

    stats = ended.stats
    assert stats.documents_unchanged == 2
    assert stats.embeddings_computed + stats.embeddings_reused == ended.chunks_created
    installation.close()
