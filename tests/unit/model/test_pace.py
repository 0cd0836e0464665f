"""What work took before says what it will take: in proportion, fading with age, and nothing where nothing is known."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.job import Job
from headrace.model.pace import HALF_LIFE_SECONDS, Bulk, Forecast, History, Pace, Plan, Unit, fading
from headrace.model.progress import begun, eta_seconds, item_work, measured_anew
from headrace.model.vocabulary import WORKING_STAGES, JobStatus, Stage
from tests.unit.model.making import NOON, later, make_job

TEXT, PDF, MODEL = "text/plain", "application/pdf", "minilm-l6-v2:8199be6f"


def pace(stage: Stage, kind: str, unit: Unit, count: float, seconds: float) -> Pace:
    return Pace(stage=stage, kind=kind, unit=unit, count=count, seconds=seconds)


KNOWN = [
    pace(Stage.EXTRACTING, TEXT, Unit.BYTES, 1000, 1),
    pace(Stage.CHUNKING, TEXT, Unit.BYTES, 1000, 2),
    pace(Stage.CHUNKING, TEXT, Unit.CHUNKS, 10, 2),
    pace(Stage.ENRICHING, TEXT, Unit.BYTES, 1000, 3),
    pace(Stage.INDEXING, "sqlite", Unit.CHUNKS, 10, 1),
    pace(Stage.INDEXING, MODEL, Unit.EMBEDDINGS, 10, 5),
]


def plan(**given: Any) -> Plan:
    values: dict[str, Any] = {
        "bulks": [Bulk(content_type=TEXT, bytes=10_000)],
        "is_enriched": True,
        "embedder": MODEL,
        "database": "sqlite",
        "threads": 1,
    }
    return Plan(**values | given)


def running(**given: Any) -> Job:
    values: dict[str, Any] = {
        "status": JobStatus.RUNNING,
        "stage": Stage.EXTRACTING,
        "work_started_at": NOON,
        "work_total": 10_000,
        "total_items": 1,
    }
    return make_job(**values | given)


def test_a_job_ten_times_as_large_takes_ten_times_as_long() -> None:
    assert History(KNOWN).forecast(plan()) == Forecast(reading_seconds=60, indexing_seconds=60, chunks=100)


def test_threads_share_the_work() -> None:
    assert History(KNOWN).forecast(plan(threads=2)) == Forecast(reading_seconds=30, indexing_seconds=30, chunks=100)


def test_what_is_not_done_takes_no_time() -> None:
    assert History(KNOWN).forecast(plan(is_enriched=False, embedder=None)) == Forecast(
        reading_seconds=30, indexing_seconds=10, chunks=100
    )


@pytest.mark.parametrize("left_out", KNOWN, ids=lambda one: f"{one.stage}-{one.unit}")
def test_nothing_is_said_while_a_part_is_unknown(left_out: Pace) -> None:
    assert History([one for one in KNOWN if one is not left_out]).forecast(plan()) is None


def test_documents_of_a_new_type_are_taken_to_be_as_those_that_are_known() -> None:
    unseen = plan(bulks=[Bulk(content_type=PDF, bytes=10_000)])

    assert History(KNOWN).forecast(unseen) == History(KNOWN).forecast(plan())


def test_one_embedder_says_nothing_of_another() -> None:
    assert History(KNOWN).forecast(plan(embedder="openai:http://elsewhere")) is None


def test_what_is_remembered_counts_half_after_as_much_newer_work_as_its_half_life() -> None:
    assert fading(0) == 1
    assert fading(HALF_LIFE_SECONDS) == 0.5
    assert fading(1e9) == 0


def test_time_left_is_told_from_the_first_moment_where_something_is_remembered() -> None:
    job = begun(running(), Forecast(reading_seconds=60, indexing_seconds=60))

    assert eta_seconds(job, NOON) == 120
    assert eta_seconds(begun(running(), None), NOON) is None


def test_stages_count_by_the_time_that_they_take_not_by_their_share_of_the_bar() -> None:
    forecast = Forecast(reading_seconds=90, indexing_seconds=10)
    read = running(work_done=item_work(10_000, Stage.INDEXING))

    assert eta_seconds(begun(read, forecast), NOON) == pytest.approx(10, abs=0.1)


def test_once_all_is_read_the_chunks_that_there_are_count_not_those_that_were_expected() -> None:
    job = begun(running(), Forecast(reading_seconds=0, indexing_seconds=10, chunks=100))
    read = replace(job, work_done=item_work(10_000, Stage.INDEXING), total_chunks=400)

    assert eta_seconds(read, NOON) == pytest.approx(40, abs=0.1)
    assert eta_seconds(begun(read, Forecast(reading_seconds=0, indexing_seconds=10)), NOON) == pytest.approx(
        10, abs=0.1
    )


def test_where_nothing_is_remembered_embedding_is_not_judged_by_reading() -> None:
    job = begun(running(), None)
    read = measured_anew(replace(job, work_done=item_work(10_000, Stage.INDEXING)), later(2))
    tenth = replace(read, work_done=item_work(10_000, Stage.INDEXING, 0.1))

    assert eta_seconds(read, later(2)) is None
    assert eta_seconds(tenth, later(5)) == pytest.approx(27, abs=0.1)


def test_a_run_that_is_slower_than_those_before_it_is_soon_believed() -> None:
    job = begun(running(), Forecast(reading_seconds=0, indexing_seconds=100))
    half = replace(job, work_done=item_work(10_000, Stage.INDEXING, 0.5))

    left = eta_seconds(half, later(200))  # four times as slow

    assert left is not None
    assert 150 <= left <= 200


def test_a_job_taken_up_again_is_not_judged_by_what_was_done_before() -> None:
    half_done = running(work_done=item_work(10_000, Stage.INDEXING, 0.5))
    job = begun(half_done, Forecast(reading_seconds=20, indexing_seconds=80))

    assert eta_seconds(job, NOON) == pytest.approx(40, abs=0.2)


def test_finished_documents_are_read_and_indexed_and_the_others_stand_where_the_rest_of_the_work_is() -> None:
    forecast = Forecast(reading_seconds=90, indexing_seconds=10)
    some = running(work_done=4_000, processed_items=4, total_items=10)
    others_read = replace(some, work_done=4_000 + item_work(6_000, Stage.INDEXING))

    assert eta_seconds(begun(some, forecast), NOON) == 60
    assert eta_seconds(begun(others_read, forecast), NOON) == pytest.approx(6, abs=0.1)


def test_of_a_job_that_waits_nothing_is_said() -> None:
    assert (
        eta_seconds(begun(running(status=JobStatus.PENDING), Forecast(reading_seconds=1, indexing_seconds=1)), NOON)
        is None
    )


seconds = st.floats(0, 1e9)


@given(
    reading=seconds, indexing=seconds, elapsed=st.floats(-1e6, 1e9), stage=st.sampled_from(WORKING_STAGES),
    share=st.floats(0, 1), finished=st.integers(0, 7), before=st.floats(0, 1),
)  # fmt: skip
def test_time_left_is_always_a_number_and_never_negative(
    *, reading: float, indexing: float, elapsed: float, stage: Stage, share: float, finished: int, before: float
) -> None:
    done = item_work(10_000, stage, share)
    first = running(work_done=int(done * before), total_items=7)
    job = begun(first, Forecast(reading_seconds=reading, indexing_seconds=indexing))

    left = eta_seconds(replace(job, work_done=done, processed_items=finished), later(elapsed))

    assert left is not None
    assert math.isfinite(left)
    assert left >= 0
