"""Many jobs on the same few documents, by a seed: what was sent last is served, whole, and nothing is left behind."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from headrace.model.document import Document
from headrace.model.ids import DocumentId
from headrace.model.job import Item
from headrace.model.rag import DEFAULT_EMBEDDER, NO_EMBEDDER
from headrace.model.vocabulary import FINAL_STATUSES, JobStatus, JobType, Stage, Verdict
from headrace.store import jobs, workspaces
from tests.faults import chaos
from tests.faults.crowd import MARKS, NAMES, Crowd, Sending, marks_in, vector_of
from tests.faults.forge import USER
from tests.faults.test_simulation import check_watchers, events_of, under_every_seed, without_errors

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

SEEDS = chaos.pick(15, 500)
ACTS = 200


def items_of(world: Crowd, sending: Sending) -> list[Item]:
    with world.database.read() as connection:
        return jobs.items(connection, sending.job_id)


def check_jobs(world: Crowd) -> None:
    """Every job has ended, its log is whole, and its figures are those of its documents."""
    log = events_of(world)
    for sending in world.sendings:
        job = world.look_up(sending.job_id)
        assert job is not None
        assert job.status in FINAL_STATUSES, job
        items = items_of(world, sending)
        assert all(one.stage.rank >= Stage.COMPLETED.rank for one in items), items
        if not world.prunes:
            chaos.check_log(log[job.job_id])
            assert len(log[job.job_id]) == job.sequence
        if job.status is JobStatus.CANCELLED:
            assert job.sequence == world.cancelled[job.job_id], "an event after the cancel"
            continue
        done = [one for one in items if one.stage is Stage.COMPLETED]
        assert job.failed_items == len(items) - len(done), job
        assert job.processed_items == job.total_items == len(items), job
        unchanged = sum(one.verdict is Verdict.UNCHANGED for one in done)
        assert (job.stats.documents_processed, job.stats.documents_unchanged) == (len(done) - unchanged, unchanged), job
        assert job.stats.errors == job.failed_items, job
        assert job.chunks_created == sum(one.chunk_count for one in done), job
        if NO_EMBEDDER not in world.models:
            assert job.stats.embeddings_computed + job.stats.embeddings_reused >= job.chunks_created, job
        assert job.work_done <= job.work_total == sum(one.work_total if one in done else one.work_done for one in items)


def check_others(world: Crowd) -> None:
    """What is done for a workspace as a whole ends as well."""
    for job_id in world.others:
        job = world.look_up(job_id)
        assert job is not None
        if job.job_type is JobType.DELETION:
            assert job.status is JobStatus.COMPLETED, job
        elif job.status is JobStatus.CANCELLED:
            assert job.sequence == world.cancelled[job_id], "an event after the cancel"
        else:
            assert job.status is JobStatus.COMPLETED or job.error_message == "it refuses", job


def check_payments(world: Crowd) -> None:
    """No text was paid for twice."""
    found = [world.look_up(job_id) for job_id in (*world.jobs, *world.others)]
    with world.database.read() as connection:
        receipts = connection.exec_driver_sql("SELECT count(*) FROM receipt").scalar_one()
    assert sum(job.stats.embeddings_computed for job in found if job) <= receipts


def documents_of(world: Crowd) -> dict[DocumentId, Document]:
    return {one.document_id: one for one in world.library.list_documents(USER, limit=100, before=None)}


def check_vectors(world: Crowd) -> None:
    """Whatever is served has the vector that its workspace's model makes of it."""
    with world.database.read() as connection:
        found = connection.exec_driver_sql(
            """SELECT workspace_id, text, vector FROM chunk JOIN document USING (document_id, workspace_id)
            WHERE version = live_version AND document.deleted_at IS NULL"""
        ).all()
        models = {one.workspace_id: workspaces.rag_config(connection, one.workspace_id) for one in world.workspaces()}
    for workspace_id, text, vector in found:
        chosen = models[workspace_id].embedder
        model = world.embedder if chosen == DEFAULT_EMBEDDER else chosen
        expected = None if model == NO_EMBEDDER else vector_of(model, text).astype(np.float16).tobytes()
        assert vector == expected, (model, text[:20], vector)


def check_served(world: Crowd) -> None:
    """Of each document the newest text that was ingested is served, whole, and what was taken back is not."""
    documents = documents_of(world)
    expected = wanted(world)
    for document_id, document in documents.items():
        marks = expected.get(document_id, {None})
        is_served = document.live_version is not None
        assert document.processing_status == ("ready" if is_served else "failed"), (document, marks)
        assert marks - {None} if is_served else None in marks, (document, marks)
    assert {one for one, marks in expected.items() if None not in marks} <= documents.keys(), "a document is gone"
    found: defaultdict[DocumentId, list[str]] = defaultdict(list)
    for mark in MARKS:
        for document_id, text in world.found(mark):
            assert marks_in(text) == {mark}
            found[document_id].append(mark)
    for document_id, document in documents.items():
        if document.filename in NAMES:
            served = set(found[document_id])
            assert len(served) <= 1, (document, served)
            assert served <= expected.get(document_id, {None}), (document, served, expected)
            assert len(found[document_id]) == (document.chunk_count or 0), (document, found[document_id])
    assert found.keys() <= documents.keys()


def wanted(world: Crowd) -> dict[DocumentId, set[str | None]]:
    """What each document may be served as; None where it need not be served.

    It is more than one text where a user has tried an older one again, or it was in an archive: that comes in when it
    is unpacked, which may be later than what was sent after it. What a collection made anew has no more may be served
    where a later job was to replace it.
    """
    each = {one: wanted_in(world, one) for one in {sending.workspace_id for sending in world.sendings} - world.cleared}
    return {document_id: marks for found in each.values() for document_id, marks in found.items()}


def wanted_in(world: Crowd, workspace_id: str | None) -> dict[DocumentId, set[str | None]]:
    """The same of one workspace."""
    sent: defaultdict[DocumentId, list[tuple[str | None, bool]]] = defaultdict(list)
    sendings = [one for one in world.sendings if one.workspace_id == workspace_id]
    for place, sending in enumerate(sendings):
        items = items_of(world, sending)
        job = world.look_up(sending.job_id)
        if sending.force_recreate and job is not None and job.status is JobStatus.COMPLETED:
            later = {one.document_id for after in sendings[place + 1 :] for one in items_of(world, after)}
            kept = {one: [(mark, True) for mark, _ in sent[one]] for one in later & sent.keys()}
            sent.clear()
            sent.update({one: [*marks, (None, False)] for one, marks in kept.items()})
        comes_later = bool(sending.retries) or sending.is_archive
        for one in items:
            if one.stage is Stage.COMPLETED and one.document_id not in world.deleted:
                sent[one.document_id].append((sending.marks.get(one.filename, one.filename), comes_later))
    return {one: {*(mark for mark, comes_later in some if comes_later), some[-1][0]} for one, some in sent.items()}


def check_leftovers(world: Crowd) -> None:
    """No chunk is kept that nobody can find, and no bytes but those of a document or of what may be tried again."""
    with world.database.read() as connection:
        look = connection.exec_driver_sql
        unseen = """SELECT chunk_id FROM chunk LEFT JOIN document USING (document_id)
            WHERE live_version IS NULL OR version <> live_version"""
        assert look(unseen).all() == []
        torn = """SELECT document_id FROM document WHERE live_version IS NOT NULL AND chunk_count <>
            (SELECT count(*) FROM chunk WHERE chunk.document_id = document.document_id AND version = live_version
            AND is_indexed)"""
        assert look(torn).all() == []
        used = {row[0] for row in look("SELECT blob_key FROM document UNION SELECT blob_key FROM revision")}
        revisions = look(
            "SELECT version, live_version FROM revision JOIN document USING (document_id) WHERE version <> live_version"
        ).all()
        jobs_left = look("SELECT count(*) FROM job").scalar_one()
        assert look("SELECT name FROM workspace WHERE deleted_at IS NOT NULL").all() == []
    assert used == {key for key, _ in world.blobs.finished()}
    assert jobs_left or not revisions, revisions


def live(folder: Path, seed: int, counts: Counter[str]) -> None:
    folder.mkdir()
    with without_errors(), pytest.MonkeyPatch.context() as patch:
        world = Crowd(folder, seed, patch)
        try:
            for _ in range(4):
                world.is_deadly = True
                for _ in range(ACTS // 4):
                    world.act()
                world.settle()
                world.housekeeping.sweep()
                check_jobs(world)
                check_others(world)
                check_payments(world)
                check_served(world)
                check_vectors(world)
                if world.sendings:
                    check_watchers(world)
            world.clean_all(history_days=1)
            check_leftovers(world)
            check_served(world)
            world.clean_all(history_days=-1)
            check_leftovers(world)
            counts.update(act.partition(" ")[0] for act in world.acts)
            counts["jobs"] += len(world.jobs)
        except BaseException as error:
            error.add_note("\n".join(act for act in world.acts if " " in act or act in ("_delete", "_kill")))
            raise
        finally:
            world.close()


def test_jobs_on_the_same_documents_keep_every_promise_under_every_seed(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    under_every_seed(SEEDS, tmp_path, lambda folder, seed: live(folder, seed, counts))
    told = f"{SEEDS} seeds, {counts['jobs']} jobs, {counts['cancel']} cancels, {counts['retry']} retries"
    told += f", {counts['model']} changes of a model, {counts['clear']} deleted workspaces"
    chaos.tell("P3 P4 P6, crowd", told)
