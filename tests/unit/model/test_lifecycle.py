"""The moves of a job: each allowed one, each forbidden one, and what holds after any sequence of them."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model import lifecycle
from headrace.model.errors import WrongState
from headrace.model.job import Job
from headrace.model.progress import advanced
from headrace.model.vocabulary import FINAL_STATUSES, JobStatus, JobType, Stage
from tests.unit.model.making import NOON, later, make_job

MOVES: dict[str, Callable[[Job], Job]] = {
    "start": lambda job: lifecycle.start(job, later(1)),
    "finish": lambda job: lifecycle.finish(job, later(2)),
    "fail": lambda job: lifecycle.fail(job, later(2), "no room"),
    "cancel": lambda job: lifecycle.cancel(job, later(2)),
    "pause": lifecycle.pause,
    "resume": lifecycle.resume,
    "retry": lambda job: lifecycle.retry(job, undone=0, added=0),
}

ALLOWED = {
    ("pending", "start"): "running",
    ("pending", "fail"): "failed",
    ("pending", "cancel"): "cancelled",
    ("pending", "pause"): "paused",
    ("running", "start"): "running",
    ("running", "finish"): "completed",
    ("running", "fail"): "failed",
    ("running", "cancel"): "cancelled",
    ("running", "pause"): "paused",
    ("paused", "cancel"): "cancelled",
    ("paused", "resume"): "pending",
    ("failed", "retry"): "pending",
    ("completed", "retry"): "pending",
}
"""All that there are; `completed` is retried when some documents failed."""


def standing(status: str) -> Job:
    """A job of two documents in that status, one of which failed."""
    job = make_job(total_items=2, processed_items=2, failed_items=1, work_total=100, work_done=100)
    is_over = JobStatus(status) in FINAL_STATUSES
    stage = Stage(status) if is_over else Stage.INDEXING
    progress = 1.0 if status == "completed" else 0.5
    end = NOON if is_over else None
    return replace(job, status=JobStatus(status), stage=stage, progress=progress, completed_at=end)


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("status", JobStatus)
def test_a_move_that_is_not_drawn_is_refused_and_one_that_is_leads_where_it_says(status: str, name: str) -> None:
    target = ALLOWED.get((status, name))
    if target is None:
        with pytest.raises(WrongState) as refused:
            MOVES[name](standing(status))
        assert (refused.value.status, refused.value.data) == (409, {"job_id": "0192-job"})
        assert status in refused.value.detail
        return
    assert MOVES[name](standing(status)).status == target


def test_a_job_without_failures_is_not_retried() -> None:
    with pytest.raises(WrongState):
        lifecycle.retry(replace(standing("completed"), failed_items=0), undone=0, added=0)


def test_a_job_is_failed_only_when_no_document_succeeded() -> None:
    some = lifecycle.finish(standing("running"), NOON)
    none = lifecycle.finish(replace(standing("running"), failed_items=2), NOON)
    empty = lifecycle.finish(make_job(status=JobStatus.RUNNING), NOON)

    assert (some.status, none.status, empty.status) == ("completed", "failed", "completed")
    assert (some.stage, none.stage, empty.stage) == ("completed", "failed", "completed")


def test_a_retry_is_the_next_attempt_and_begins_with_what_succeeded() -> None:
    again = lifecycle.retry(standing("completed"), undone=60, added=0)

    assert (again.attempt, again.run) == (2, 2)
    assert (again.processed_items, again.failed_items, again.work_done) == (1, 0, 40)
    assert (again.progress, again.completed_at, again.error_message) == (0.4, None, None)
    assert (again.total_chunks, again.current_chunk) == (None, None)


def test_a_resume_is_another_run_of_the_same_attempt() -> None:
    again = lifecycle.resume(lifecycle.pause(make_job()))

    assert (again.attempt, again.run, again.waiting_for) == (1, 2, None)


def test_a_paused_job_says_that_it_waits_for_its_user() -> None:
    assert lifecycle.pause(make_job()).waiting_for == lifecycle.PAUSED_BY_USER


def test_a_start_after_a_crash_keeps_what_the_first_one_wrote_and_measures_anew() -> None:
    first = lifecycle.start(make_job(), later(1))
    again = lifecycle.start(replace(first, work_done=500), later(9))

    assert again.started_at == later(1)
    assert (again.work_started_at, again.work_done_at_start) == (later(9), 500)


@pytest.mark.parametrize("name", sorted(lifecycle.NOT_FOR_TASKS))
@pytest.mark.parametrize("status", JobStatus)
def test_nobody_here_takes_up_the_work_of_a_task(status: str, name: str) -> None:
    with pytest.raises(WrongState):
        MOVES[name](replace(standing(status), job_type=JobType.TASK))


def test_a_task_can_be_cancelled() -> None:
    assert lifecycle.cancel(replace(standing("running"), job_type=JobType.TASK), NOON).status == "cancelled"


DOCUMENTS = 3
WORK = 100


def work_on(job: Job, share: float) -> Job:
    """Some more of the job's work is done; documents are finished with their part of it."""
    if job.status is not JobStatus.RUNNING:
        return job
    done = max(job.work_done, int(share * job.work_total))
    finished = max(job.processed_items, done * DOCUMENTS // job.work_total)
    return advanced(replace(job, work_done=done, processed_items=finished))


def lose_one(job: Job, _share: float) -> Job:
    """The next document fails: its work is over."""
    if job.status is not JobStatus.RUNNING or job.processed_items == DOCUMENTS:
        return job
    return advanced(
        replace(
            job,
            processed_items=job.processed_items + 1,
            failed_items=job.failed_items + 1,
            work_done=max(job.work_done, (job.processed_items + 1) * WORK),
        )
    )


def end(job: Job, _share: float) -> Job:
    """As the engine does: only when every document is finished."""
    return lifecycle.finish(job, NOON) if job.processed_items == job.total_items else job


def again(job: Job, _share: float) -> Job:
    return lifecycle.retry(job, undone=job.failed_items * WORK, added=0)


STEPS: dict[str, Callable[[Job, float], Job]] = {
    "work": work_on,
    "lose": lose_one,
    "finish": end,
    "retry": again,
    **{name: lambda job, _, move=move: move(job) for name, move in MOVES.items() if name not in ("finish", "retry")},
}


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.floats(0, 1)), max_size=40))
def test_after_any_sequence_of_moves_the_job_tells_the_truth(steps: list[tuple[str, float]]) -> None:
    job = make_job(total_items=DOCUMENTS, work_total=DOCUMENTS * WORK)
    for name, share in steps:
        before = job
        with suppress(WrongState):
            job = STEPS[name](job, share)
        check(job)
        assert job.run >= before.run
        assert job.attempt >= before.attempt
        if job.attempt == before.attempt:
            assert job.progress >= before.progress
            assert job.processed_items >= before.processed_items
        if before.status is JobStatus.CANCELLED:
            assert job == before


def check(job: Job) -> None:
    assert (job.progress == 1.0) == (job.status is JobStatus.COMPLETED)
    assert 0 <= job.progress <= 1
    assert job.status.is_final == (job.completed_at is not None) == job.stage.is_final
    assert 0 <= job.failed_items <= job.processed_items <= job.total_items
    assert 0 <= job.work_done <= job.work_total
    assert (job.status is JobStatus.PAUSED) == (job.waiting_for == lifecycle.PAUSED_BY_USER)
