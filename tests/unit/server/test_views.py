"""The JSON objects of contract 3, member by member."""

import json
from dataclasses import replace

import pytest

from headrace.model.document import BlobRange, Document, Hit
from headrace.model.ids import BlobKey, DocumentId, JobId, UserId, WorkspaceId
from headrace.model.job import STAT_NAMES, Item
from headrace.model.vocabulary import TOLD, JobStatus, ProcessingStatus, Stage
from headrace.server import views
from headrace.server.listing import listed
from tests.unit.model.making import NOON, make_job

JOB = [
    "job_id", "upload_id", "session_id", "job_type", "status", "stage", "created_at", "started_at", "completed_at",
    "progress", "progress_percent", "message", "error_message", "chunks_created", "total_items", "processed_items",
    "failed_items", "current_chunk", "total_chunks", "eta_seconds", "waiting_for", "stats", "metadata", "attempt",
    "last_event_id",
]  # fmt: skip
ITEM = Item(
    job_id=JobId("j"),
    ordinal=0,
    document_id=DocumentId("d"),
    filename="a.txt",
    version=1,
    work_total=3000,
    work_done=1000,
)
DOCUMENT = Document(
    document_id=DocumentId("d1"), user_id=UserId("ada"), workspace_id=WorkspaceId("w1"), filename="a.txt",
    content_type="text/plain", blob=BlobRange(key=BlobKey("b1"), size=17), sha256="0" * 64,
    processing_status=ProcessingStatus.READY, chunk_count=2, metadata={"a": 1}, created_at=NOON, updated_at=NOON,
)  # fmt: skip


def test_a_job_has_every_member_and_one_id_under_three_names() -> None:
    view = views.job_view(make_job(last_number=7, progress=0.5), "epoch1", NOON)

    assert set(JOB) <= set(view)
    assert view["job_id"] == view["upload_id"] == view["session_id"]
    assert (view["progress"], view["progress_percent"], view["last_event_id"]) == (0.5, 50.0, "epoch1-7")
    assert list(view["stats"]) == list(STAT_NAMES)
    assert view["created_at"] == "2026-01-15T12:00:00.000000+00:00"
    json.dumps(view, allow_nan=False)


@pytest.mark.parametrize("status", JobStatus)
def test_a_job_is_told_in_the_words_of_a_queue(status: JobStatus) -> None:
    view = views.queue_view(make_job(status=status, chunks_created=3, error_message="why"))

    assert set(view) == {"job_id", "status", "result", "error", "progress"}
    assert view["status"] == TOLD[status].queue
    assert (view["result"] is None) == (status is not JobStatus.COMPLETED)


@pytest.mark.parametrize("status", JobStatus)
def test_whoever_waited_is_told_whether_it_succeeded(status: JobStatus) -> None:
    view = views.sync_reply(make_job(status=status), ["d1"])

    assert set(view) == {"success", "chunks_created", "job_id", "document_ids", "message", "error_message"}
    assert view["success"] == (status is JobStatus.COMPLETED)


def test_a_reply_speaks_of_a_job_that_has_just_come_in() -> None:
    assert views.job_reply(make_job(message="a text")) == {
        "job_id": "0192-job",
        "job_type": "file_ingestion",
        "status": "pending",
        "created_at": "2026-01-15T12:00:00.000000+00:00",
        "message": "",
    }


@pytest.mark.parametrize(
    ("stage", "status"),
    [("received", "pending"), ("extracting", "processing"), ("chunking", "processing"), ("enriching", "processing"),
     ("indexing", "processing"), ("completed", "ready"), ("failed", "failed"), ("cancelled", "failed")],
)  # fmt: skip
def test_a_document_of_a_job_stands_where_its_stage_says(stage: str, status: str) -> None:
    view = views.item_view(replace(ITEM, stage=Stage(stage)))

    assert (view["stage"], view["status"]) == (stage, status)
    assert view["progress"] == (1.0 if stage == "completed" else 0.3333)


def test_how_many_chunks_there_will_be_is_not_known_before_they_are_indexed() -> None:
    reading = replace(ITEM, stage=Stage.EXTRACTING, chunk_count=4)

    assert views.item_view(reading)["total_chunks"] is None
    assert views.item_view(replace(reading, stage=Stage.INDEXING))["total_chunks"] == 4
    assert views.item_view(replace(ITEM, stage=Stage.COMPLETED))["total_chunks"] is None


@pytest.mark.parametrize("status", ProcessingStatus)
def test_a_resource_is_the_same_document_in_camel_case(status: ProcessingStatus) -> None:
    document = replace(DOCUMENT, processing_status=status)

    plain, camel = views.document_view(document), views.resource_view(document)

    assert not [name for name in camel if "_" in name]
    assert [name.lower() for name in camel] == [name.replace("_", "") for name in plain]
    assert camel.pop("processingStatus") == (
        "completed" if status is ProcessingStatus.READY else plain["processing_status"]
    )
    assert list(camel.values()) == [value for name, value in plain.items() if name != "processing_status"]


def test_a_passage_says_where_it_is() -> None:
    hit = Hit(
        created_at=DOCUMENT.created_at,
        updated_at=DOCUMENT.updated_at,
        document_id=DocumentId("d"),
        chunk_id="c",
        text="weir",
        score=0.5,
        metadata={},
        filename="a.txt",
        offsets=(3, 7),
    )

    assert views.hit_view(hit)["offsets"] == [3, 7]


def test_every_list_has_its_rows_and_where_it_goes_on() -> None:
    assert json.loads(listed("jobs", [], None, None).body) == {"jobs": [], "next_cursor": None}
