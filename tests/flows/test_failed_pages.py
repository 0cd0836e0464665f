"""A page that cannot be read costs itself alone: it is named with its reason, and a retry goes on with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.test_sameness import ended, items
from tests.running import RunningServer, running_server
from tests.services import needs
from tests.unit.pipeline.documents import pdf, scans

Json = dict[str, Any]
LINES = ("The headrace leads water", "to the wheel of the mill")


def broken_page(*texts: str, page: int) -> bytes:
    """A PDF of which one page, from 1, is no page."""
    whole = pdf(list(texts))
    number = 2 + 2 * page
    begin = whole.index(f"{number} 0 obj\n<</Type/Page/".encode())
    return whole[:begin] + whole[begin:].replace(b"<</Type/Page/", b"[ /Type/Page ", 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("pages"), ocr=False) as started:
        yield started


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client(timeout=60.0) as client:
        yield client


def send(http: httpx.Client, name: str, content: bytes, collection: str) -> Json:
    sent = http.post("/ingest", files={"file": (name, content)}, data={"collection_name": collection})
    return ended(http, sent.raise_for_status().json()["job_id"])


def retry(http: httpx.Client, job: Json) -> Json:
    http.post(f"/jobs/{job['job_id']}/retry").raise_for_status()
    return ended(http, job["job_id"])


def pages_found(http: httpx.Client, words: str, collection: str) -> set[int]:
    asked = {"query": words, "workspace": collection, "mode": "keyword", "top_k": 50}
    return {hit["page"] for hit in http.post("/query", json=asked).raise_for_status().json()["results"]}


def test_a_broken_page_is_named_and_the_others_are_searchable(http: httpx.Client) -> None:
    content = broken_page(*(f"weir number {page}" for page in range(1, 6)), page=3)

    job = send(http, "broken.pdf", content, "broken")

    assert (job["status"], job["failed_items"], job["progress"]) == ("completed", 0, 1.0)
    assert job["stats"]["failed_pages"] == 1
    assert job["message"].endswith("; 1 page could not be read")
    (item,) = items(http, job)
    assert item["failed_pages"] == [{"page": 3, "reason": "is damaged and was left out"}]
    document = http.get(f"/documents/{item['document_id']}").json()
    assert document["processing_status"] == "ready"
    assert document["metadata"]["failed_pages"] == item["failed_pages"]
    assert pages_found(http, "weir", "broken") == {1, 2, 4, 5}


def test_a_retry_of_what_is_still_broken_pays_nothing_and_changes_nothing(http: httpx.Client) -> None:
    job = send(http, "again.pdf", broken_page("a lock", "a sluice", "a weir", page=2), "again")

    again = retry(http, job)

    assert (again["status"], again["attempt"], again["processed_items"]) == ("completed", 2, 1)
    assert again["stats"]["embeddings_computed"] == job["stats"]["embeddings_computed"] == 2
    assert (again["stats"]["failed_pages"], again["stats"]["documents_processed"]) == (1, 1)
    assert again["chunks_created"] == job["chunks_created"] == 2
    assert pages_found(http, "weir", "again") == {3}
    assert [one["failed_pages"] for one in items(http, again)] == [
        [{"page": 2, "reason": "is damaged and was left out"}]
    ]


def test_a_retry_does_again_only_the_documents_with_failed_pages(http: httpx.Client) -> None:
    files = [("file", ("whole.pdf", pdf(["a mill"]))), ("file", ("part.pdf", broken_page("a dam", "a dyke", page=1)))]
    job = ended(http, http.post("/ingest", files=files, data={"collection_name": "two"}).json()["job_id"])

    http.post(f"/jobs/{job['job_id']}/retry").raise_for_status()
    again = ended(http, job["job_id"])

    log = http.get(f"/jobs/{job['job_id']}/events", headers={"Accept": "application/json"}).json()["events"]
    first_end = next(place for place, one in enumerate(log) if one["type"] == "job.completed")
    redone = {one["document_id"] for one in log[first_end:] if one["type"] == "document.status.updated"}
    assert redone == {items(http, again)[1]["document_id"]}
    assert again["processed_items"] == again["stats"]["documents_processed"] == 2


def test_a_document_without_failed_pages_has_nothing_to_retry(http: httpx.Client) -> None:
    job = send(http, "whole.pdf", pdf(["a millpond"]), "whole")

    assert http.post(f"/jobs/{job['job_id']}/retry").status_code == 409
    assert [one["failed_pages"] for one in items(http, job)] == [[]]


def test_a_cancelled_retry_leaves_what_was_readable(http: httpx.Client) -> None:
    job = send(http, "kept.pdf", broken_page(*(f"a towpath {page}" for page in range(300)), page=7), "kept")

    http.post(f"/jobs/{job['job_id']}/retry").raise_for_status()
    cancelled = http.post(f"/jobs/{job['job_id']}/cancel").raise_for_status().json()

    assert cancelled["status"] == "cancelled"
    document = http.get(f"/documents/{items(http, job)[0]['document_id']}").json()
    assert (document["processing_status"], document["chunk_count"]) == ("ready", job["chunks_created"])
    assert len(pages_found(http, "towpath", "kept")) == 50


def test_a_page_that_recognition_could_not_read_is_read_by_a_retry_and_the_others_are_not_again(tmp_path: Path) -> None:
    needs("tesseract", "tesseract-ocr")
    with running_server(tmp_path, ocr_seconds=0.01, embedder="none") as server:
        with server.client(timeout=120.0) as http:
            job = send(http, "scan.pdf", scans("a plain page", LINES), "scan")
            (item,) = items(http, job)
            assert job["status"] == "completed"
            assert item["failed_pages"] == [{"page": 2, "reason": "took more than 0.01 seconds to recognize"}]
            assert pages_found(http, "plain", "scan") == {1}
            assert pages_found(http, "headrace", "scan") == set()
        server.stop()
        server.environment["HEADRACE_OCR_SECONDS"] = "100"
        server.start()
        with server.client(timeout=120.0) as http:
            again = retry(http, job)

            assert (again["status"], again["stats"]["failed_pages"]) == ("completed", 0)
            assert items(http, again)[0]["failed_pages"] == []
            assert "failed_pages" not in http.get(f"/documents/{item['document_id']}").json()["metadata"]
            assert pages_found(http, "headrace", "scan") == {2}
            assert pages_found(http, "plain", "scan") == {1}
