"""How far a job is and how long it takes: never more than is true, never a number that means nothing."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.progress import NEARLY_DONE, advanced, eta_seconds, item_work, percent
from headrace.model.vocabulary import WORKING_STAGES, JobStatus, Stage
from tests.unit.model.making import NOON, later, make_job

works = st.integers(1, 2**40)
shares = st.floats(allow_nan=False)


@given(works, st.lists(st.tuples(st.sampled_from(WORKING_STAGES), st.floats(0, 1)), min_size=1))
def test_the_work_on_a_document_grows_with_its_stages(total: int, places: list[tuple[Stage, float]]) -> None:
    done = [item_work(total, stage, share) for stage, share in sorted(places, key=lambda one: (one[0].rank, one[1]))]

    assert done == sorted(done)
    assert done[0] >= 0
    assert done[-1] <= total


@given(works, st.sampled_from(WORKING_STAGES), shares)
def test_a_fraction_beyond_its_bounds_counts_as_the_bound(total: int, stage: Stage, share: float) -> None:
    assert item_work(total, stage, 0) <= item_work(total, stage, share) <= item_work(total, stage, 1)


@pytest.mark.parametrize("stage", [Stage.COMPLETED, Stage.FAILED, Stage.CANCELLED])
def test_the_work_on_a_finished_document_is_all_of_it(stage: Stage) -> None:
    assert item_work(12_345, stage) == 12_345


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.floats(0, 0.999), st.integers(0, 3))
def test_progress_never_falls_and_is_never_whole_before_the_end(
    done: int, total: int, before: float, processed: int
) -> None:
    job = make_job(
        status=JobStatus.RUNNING, total_items=3, processed_items=processed, work_done=done, work_total=total,
        progress=before,
    )  # fmt: skip

    after = advanced(job).progress

    assert before <= after <= NEARLY_DONE
    assert math.isfinite(after)


def test_a_completed_job_is_whole_whatever_was_counted() -> None:
    assert advanced(make_job(status=JobStatus.COMPLETED, work_total=100, work_done=3)).progress == 1.0


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_a_job_that_ended_badly_stays_where_it_was(status: JobStatus) -> None:
    assert advanced(make_job(status=status, work_total=100, work_done=100, progress=0.3)).progress == 0.3


def test_a_percentage_has_two_decimals() -> None:
    assert [percent(one) for one in (0.0, 0.12345, 0.99999, 1.0)] == [0.0, 12.35, 100.0, 100.0]


def test_what_is_told_before_the_end_is_below_a_hundred_percent() -> None:
    assert percent(NEARLY_DONE) < 100


RUNNING = make_job(status=JobStatus.RUNNING, work_total=1000, work_done=250, work_started_at=NOON)


def test_the_estimate_is_the_rest_at_the_pace_that_was_measured() -> None:
    assert eta_seconds(RUNNING, later(5)) == 15.0


def test_a_resumed_job_is_judged_by_this_run_alone() -> None:
    resumed = replace(RUNNING, work_done=300, work_done_at_start=200)

    assert eta_seconds(resumed, later(10)) == 70.0


@pytest.mark.parametrize(
    "job",
    [
        make_job(),
        replace(RUNNING, work_started_at=None),
        replace(RUNNING, work_done=0),
        replace(RUNNING, work_done_at_start=250),
        replace(RUNNING, work_done=5),
        replace(RUNNING, work_total=0, work_done=0),
        replace(RUNNING, status=JobStatus.PAUSED),
        replace(RUNNING, status=JobStatus.COMPLETED),
    ],
)
def test_without_measured_work_there_is_no_estimate(job: object) -> None:
    assert eta_seconds(job, later(5)) is None  # type: ignore[arg-type]


def test_a_moment_is_not_a_measurement() -> None:
    assert eta_seconds(RUNNING, later(0.1)) is None


def test_a_clock_that_was_set_back_gives_no_estimate() -> None:
    assert eta_seconds(RUNNING, later(-3600)) is None


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12), st.floats(-1e6, 1e6))
def test_an_estimate_is_a_number_of_seconds_or_nothing(total: int, done: int, at_start: int, seconds: float) -> None:
    job = replace(RUNNING, work_total=total, work_done=done, work_done_at_start=at_start)

    estimate = eta_seconds(job, later(seconds))

    assert estimate is None or (math.isfinite(estimate) and estimate >= 0)
