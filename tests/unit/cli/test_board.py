from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.cli.board import Board, counter, outcome, time_left
from headrace.model.vocabulary import STAGE_ORDER, Stage


def frame(progress: float = 0.0, stage: str = "indexing", **members: Any) -> dict[str, Any]:
    return {"type": "job.progress", "stage": stage, "progress": progress} | members


def document(number: int, stage: str, progress: float, **members: Any) -> dict[str, Any]:
    told = {"document_id": str(number), "filename": f"{number}.txt", "stage": stage, "progress": progress}
    return told | {"current_chunk": None, "total_chunks": None, "error_message": None} | members


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(STAGE_ORDER)), min_size=1))
def test_a_bar_never_goes_back(told: list[tuple[float, Stage]]) -> None:
    board, shares, ranks = Board(), [0.0], [0]
    for progress, stage in told:
        board.apply(frame(progress, stage))
        shares.append(board.total.share)
        ranks.append(board.total.stage.rank)

    assert shares == sorted(shares)
    assert ranks == sorted(ranks)


def test_a_retry_begins_anew() -> None:
    board = Board()
    board.apply(frame(0.9))

    board.apply(frame(0.1, "received", type="job.received"))

    assert board.total.share == 0.1


@pytest.mark.parametrize(("done", "of", "told"), [(4, 10, "4 of 10"), (None, 3, "0 of 3"), (0, 0, ""), (1, None, "")])
def test_a_counter_is_never_of_zero(done: object, of: object, told: str) -> None:
    assert counter(done, of) == told


def test_up_to_ten_files_have_a_bar_each() -> None:
    board = Board()

    board.apply_documents([document(number, "indexing", 0.5, current_chunk=4, total_chunks=10) for number in range(10)])

    assert len(board.files) == 10
    assert board.files["3"].counter == "4 of 10"
    assert not board.stages


def test_a_document_that_failed_or_was_cancelled_did_not_pass_the_stages_that_it_never_saw() -> None:
    board = Board()
    seen = [document(number, "enriching", 0.2) for number in range(2)]
    broken = [document(number, "failed", 0.0) for number in range(2, 12)]

    board.apply_documents([*seen, *broken])
    board.apply_documents([document(number, "cancelled", 0.2) for number in range(12)])

    told = {stage.value: bar.counter for stage, bar in board.stages.items()}
    assert told == {
        "extracting": "2 of 12",
        "chunking": "2 of 12",
        "enriching": "0 of 12",
        "indexing": "0 of 12",
    }


def test_more_files_are_folded_into_a_bar_for_each_stage() -> None:
    board = Board()

    board.apply_documents([document(number, "indexing" if number < 8 else "completed", 0.5) for number in range(16)])

    assert not board.files
    assert board.stages[Stage.ENRICHING].counter == "16 of 16"
    assert board.stages[Stage.INDEXING].share == 0.5


def test_a_failed_file_shows_its_reason() -> None:
    board = Board()

    board.apply_documents([document(1, "failed", 0.3, error_message="the PDF is encrypted")])

    assert board.files["1"].note == "the PDF is encrypted"


def test_frames_of_no_job_change_nothing() -> None:
    board = Board()
    board.apply(frame(0.5))

    board.apply({"type": "workspace.status.updated", "stage": None, "progress": None})

    assert board.total.share == 0.5


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, ""),
        (0.2, "about 1 s left"),
        (42.4, "about 42 s left"),
        (150, "about 2 min left"),
        (5400, "about 1.5 h left"),
    ],
)
def test_the_time_left_is_said_in_round_figures(seconds: float | None, told: str) -> None:
    assert time_left(seconds) == told


def test_the_last_line_says_how_many_can_be_searched() -> None:
    assert outcome("completed", 5, 1, 40) == "✅ 4 of 5 documents searchable, 40 chunks"
    assert outcome("completed", 1, 0, 1) == "✅ 1 document searchable, 1 chunk"
    assert outcome("cancelled", 1, 0, 0) == "🚫 cancelled"
