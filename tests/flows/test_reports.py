"""Reports of outside workers and webhooks over HTTP, as a client sees them."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.running import RunningServer


@pytest.fixture
def http(shared_server: RunningServer) -> Any:
    with shared_server.client() as client:
        yield client


@pytest.fixture
def document(http: httpx.Client) -> dict[str, Any]:
    made = http.post("/ingest/text", json={"text_content": f"A weir of its own: {uuid4()}"}).json()
    return http.get(f"/documents/{made['document_ids'][0]}").json()


def test_a_report_answers_with_the_document_as_it_is_now(http: httpx.Client, document: dict[str, Any]) -> None:
    path = f"/documents/{document['document_id']}/status"

    http.post(path, json={"status": "processing", "metadata": {"step": 1, "model": "mine"}})
    answer = http.post(path, json={"status": "failed", "error": "lost", "chunk_count": 7, "metadata": {"step": 2}})

    assert answer.status_code == 200
    told = answer.json()
    assert (told["processing_status"], told["processing_error"], told["chunk_count"]) == ("failed", "lost", 7)
    assert told["metadata"] == document["metadata"] | {"step": 2, "model": "mine"}
    assert http.get(f"/documents/{document['document_id']}").json() == told


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "sideways"},
        {"status": "ready", "chunk_count": -1},
        {"status": "ready", "chunk_count": "7"},
        {"status": "ready", "metadata": []},
        {"status": "ready", "unknown": 1},
        {"status": "ready", "metadata": {"long": "x" * 20_000}},
    ],
)
def test_a_report_that_cannot_be_meant_names_its_field_and_changes_nothing(
    http: httpx.Client, document: dict[str, Any], body: dict[str, Any]
) -> None:
    answer = http.post(f"/documents/{document['document_id']}/status", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert http.get(f"/documents/{document['document_id']}").json() == document


@pytest.mark.parametrize("unknown", ["4b1d7a02-5c0e-4f3a-9d53-2f6a1c0b7e11", "999", "x" * 300])
def test_a_report_on_nothing_is_not_found(http: httpx.Client, unknown: str) -> None:
    answer = http.post(f"/documents/{unknown}/status", json={"status": "ready"})

    assert answer.status_code == 404
    assert answer.json()["code"] == "document_not_found"


def test_a_webhook_is_set_shown_without_its_secret_and_removed(http: httpx.Client, document: dict[str, Any]) -> None:
    path = f"/workspaces/{document['workspace_id']}/webhook"

    made = http.put(path, json={"url": "https://example.org/hook", "types": ["job.completed"]})
    changed = http.put(path, json={"url": "https://example.org/other"})
    shown = http.get(path)
    listed = http.get(f"{path}/deliveries")
    removed = http.delete(path)

    assert made.status_code == 200
    assert made.json()["secret"].startswith("whsec_")
    assert "secret" not in changed.json()
    assert "secret" not in shown.json()
    assert shown.json()["url"] == "https://example.org/other"
    assert "job.progress" not in shown.json()["types"]
    assert listed.json() == {"deliveries": [], "next_cursor": None}
    assert removed.status_code == 204
    assert http.get(path).json()["code"] == "webhook_not_found"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "http://[::ffff:169.254.169.254]/"}, "url"),
        ({"url": "nowhere"}, "url"),
        ({"url": "https://example.org", "types": ["reset"]}, "types"),
        ({"url": "https://example.org", "secret": "guess"}, "secret"),
        ({"url": 7}, "url"),
    ],
)
def test_a_webhook_that_may_not_be_is_refused(
    http: httpx.Client, document: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    answer = http.put(f"/workspaces/{document['workspace_id']}/webhook", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_a_webhook_of_no_workspace_is_not_found(http: httpx.Client) -> None:
    answer = http.put("/workspaces/none/webhook", json={"url": "https://example.org"})

    assert answer.status_code == 404
    assert answer.json()["code"] == "workspace_not_found"
