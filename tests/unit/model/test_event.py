"""A frame is one line, has every member, and no text can forge another."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.document import BlobRange, Document, Workspace
from headrace.model.event import (
    ENDINGS,
    Event,
    document_frame,
    encode,
    frame_without_job,
    instant,
    job_frame,
    workspace_frame,
)
from headrace.model.ids import BlobKey, DocumentId, JobId, UserId, WorkspaceId
from headrace.model.told import own_view
from headrace.model.vocabulary import EventType, JobStatus, ProcessingStatus, Stage, WorkspaceStatus
from tests.unit.model.making import NOON, make_job

MEMBERS = [
    "event_id", "seq", "type", "job_id", "upload_id", "session_id", "document_id", "user_id", "workspace_id",
    "status", "stage", "progress", "progress_percent", "current_chunk", "total_chunks", "processed_items",
    "total_items", "failed_items", "eta_seconds", "stats", "message", "error_message", "timestamp",
]  # fmt: skip
ADA = UserId("ada")
DOCUMENT = Document(
    document_id=DocumentId("d1"), user_id=ADA, workspace_id=WorkspaceId("w1"), filename="a.txt",
    content_type="text/plain", blob=BlobRange(key=BlobKey("b1"), size=1), sha256="0" * 64,
    processing_status=ProcessingStatus.FAILED, processing_error="corrupt", chunk_count=None, metadata={"a": 1},
    created_at=NOON, updated_at=NOON,
)  # fmt: skip
WORKSPACE = Workspace(
    workspace_id=WorkspaceId("w1"), user_id=ADA, name="mill", status=WorkspaceStatus.ERROR,
    status_message="no disk", created_at=NOON,
)  # fmt: skip


def told(frame: dict[str, object]) -> str:
    """The line that a watcher gets."""
    sequence = frame["seq"]
    event = Event(
        user_id=ADA,
        number=42,
        job_id=None if frame["job_id"] is None else JobId(str(frame["job_id"])),
        sequence=None if sequence is None else int(str(sequence)),
        type=EventType(str(frame["type"])),
        body=encode(frame),
    )
    return event.frame("epoch1")


@pytest.mark.parametrize("kind", EventType)
@pytest.mark.parametrize("status", JobStatus)
def test_a_frame_of_a_job_has_every_member_in_the_contract_s_order(kind: EventType, status: JobStatus) -> None:
    line = told(job_frame(make_job(status=status, sequence=7), kind, NOON))

    frame = json.loads(line)
    assert list(frame) == MEMBERS
    assert (frame["event_id"], frame["seq"], frame["type"]) == ("epoch1-42", 7, kind)
    assert frame["job_id"] == frame["upload_id"] == frame["session_id"] == "0192-job"


def test_a_frame_of_a_document_has_its_own_members_too() -> None:
    frame = json.loads(told(document_frame(DOCUMENT, NOON)))

    extra = ["processing_status", "processing_error", "chunk_count", "metadata"]
    assert list(frame) == MEMBERS + extra
    assert [frame[name] for name in extra] == ["failed", "corrupt", None, {"a": 1}]
    assert (frame["document_id"], frame["workspace_id"], frame["seq"]) == ("d1", "w1", None)


def test_a_frame_of_a_workspace_has_its_own_members_too() -> None:
    frame = json.loads(told(workspace_frame(WORKSPACE, NOON)))

    assert list(frame) == [*MEMBERS, "workspace_status", "status_message"]
    assert (frame["workspace_status"], frame["status_message"]) == ("error", "no disk")


def test_a_status_is_told_in_the_thing_s_own_words_where_nobody_asks_for_jobs() -> None:
    of_document = own_view(json.loads(told(document_frame(DOCUMENT, NOON))))
    of_workspace = own_view(json.loads(told(workspace_frame(WORKSPACE, NOON))))

    assert of_document == {
        "document_id": "d1", "user_id": "ada", "workspace_id": "w1", "job_id": None, "status": "failed",
        "error": "corrupt", "chunk_count": None, "metadata": {"a": 1}, "event_id": "epoch1-42",
        "timestamp": instant(NOON),
    }  # fmt: skip
    assert of_workspace == {
        "workspace_id": "w1",
        "user_id": "ada",
        "status": "error",
        "message": "no disk",
        "event_id": "epoch1-42",
        "timestamp": instant(NOON),
    }


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text()))
def test_no_text_can_forge_a_line_of_its_own(message: str, error: str, metadata: dict[str, str]) -> None:
    job = make_job(message=message, error_message=error)

    line = told({**job_frame(job, EventType.JOB_PROGRESS, NOON), "metadata": metadata})

    assert not {"\n", "\r", "\0"} & set(line)
    frame = json.loads(line)
    assert (frame["message"], frame["error_message"], frame["metadata"]) == (message, error, metadata)
    assert frame["event_id"] == "epoch1-42"


def test_the_event_id_comes_first_so_that_a_body_is_never_parsed_on_its_way_out() -> None:
    assert told(frame_without_job(EventType.RESET, ADA, NOON)).startswith('{"event_id":"epoch1-42","seq":')


@pytest.mark.parametrize("kind", EventType)
def test_a_job_s_stream_ends_with_its_end(kind: EventType) -> None:
    event = Event(user_id=ADA, number=1, job_id=None, sequence=None, type=kind, body="{}")

    assert event.ends_job == (kind in ENDINGS) == (kind in {"job.completed", "job.failed", "job.cancelled"})


def test_a_running_job_is_told_by_its_stage_and_an_ended_one_by_its_end() -> None:
    running = make_job(status=JobStatus.RUNNING, stage=Stage.ENRICHING)

    assert job_frame(running, EventType.JOB_STAGE, NOON)["status"] == "enriching"
    assert job_frame(replace(running, status=JobStatus.FAILED), EventType.JOB_FAILED, NOON)["status"] == "failed"


def test_an_instant_has_microseconds_always_and_sorts_as_text() -> None:
    moments = [datetime(2026, 1, 15, 10, 30, tzinfo=UTC), datetime(2026, 1, 15, 10, 30, 0, 1, tzinfo=UTC)]

    assert instant(moments[0]) == "2026-01-15T10:30:00.000000+00:00"
    assert sorted(map(instant, reversed(moments))) == list(map(instant, moments))


def test_an_instant_of_elsewhere_keeps_its_offset_until_it_is_stored() -> None:
    elsewhere = datetime(2026, 1, 15, 12, tzinfo=timezone(timedelta(hours=2)))

    assert datetime.fromisoformat(instant(elsewhere)) == elsewhere
