"""Contract 1, the table of vocabularies, line by line."""

import pytest

from headrace.model.vocabulary import (
    FINAL_STATUSES,
    STAGE_ORDER,
    TOLD,
    WORKING_STAGES,
    EventType,
    JobStatus,
    ProcessingStatus,
    Stage,
    WorkspaceStatus,
    resource_status,
    watcher_status,
)

STAGE_NAME = "the stage's name"

TABLE = """
pending   | received         | queued   | pending    | pending
running   | the stage's name | started  | processing | processing
paused    | the stage's name | started  | processing | processing
completed | completed        | finished | ready      | completed
failed    | failed           | failed   | failed     | failed
cancelled | cancelled        | canceled | failed     | failed
"""
LINES = [tuple(cell.strip() for cell in line.split("|")) for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize(("stored", "watcher", "queue", "document", "resource"), LINES)
def test_each_client_is_told_a_status_in_its_own_words(
    stored: str, watcher: str, queue: str, document: str, resource: str
) -> None:
    told = TOLD[JobStatus(stored)]

    assert (told.queue, told.document, told.resource) == (queue, document, resource)
    for stage in WORKING_STAGES:
        expected = stage.value if watcher == STAGE_NAME else watcher
        assert watcher_status(JobStatus(stored), stage) == expected


def test_no_status_is_left_out_of_the_table() -> None:
    assert {line[0] for line in LINES} == set(JobStatus) == set(TOLD)


def test_the_ends_are_completed_failed_and_cancelled() -> None:
    assert {"completed", "failed", "cancelled"} == FINAL_STATUSES
    assert [status for status in JobStatus if status.is_final] == ["completed", "failed", "cancelled"]


def test_stages_are_in_the_order_of_work_and_share_their_last_rank() -> None:
    assert WORKING_STAGES == ("received", "extracting", "chunking", "enriching", "indexing")
    assert [stage.rank for stage in STAGE_ORDER] == [0, 1, 2, 3, 4, 5, 5, 5]
    assert {stage for stage in Stage if stage.is_final} == {"completed", "failed", "cancelled"}


def test_a_ready_document_is_a_completed_resource_and_else_the_words_are_the_same() -> None:
    assert [resource_status(status) for status in ProcessingStatus] == ["pending", "processing", "completed", "failed"]


def test_the_closed_sets_are_those_of_the_contract() -> None:
    assert list(ProcessingStatus) == ["pending", "processing", "ready", "failed"]
    assert list(WorkspaceStatus) == ["provisioning", "ready", "error"]
    assert list(EventType) == [
        "job.received", "job.stage", "job.progress", "document.status.updated", "workspace.status.updated",
        "job.completed", "job.failed", "job.cancelled", "job.paused", "job.resumed", "snapshot", "reset",
    ]  # fmt: skip
