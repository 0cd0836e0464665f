"""The verbs of the Python client, blocking and asynchronous, against a real server."""

import asyncio
import inspect
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from headrace.client import AsyncClient, Client
from headrace.client.requests import Request
from headrace.client.verbs import Verbs
from headrace.model.errors import InvalidField, WebhookNotFound, WorkspaceNotFound
from tests.running import RunningServer

ALIASES = {
    ("POST", "/ingest/async"), ("POST", "/ingest/file"), ("POST", "/ingest/batch/async"), ("DELETE", "/jobs/{job_id}"),
    ("GET", "/query"),
}  # fmt: skip
"""They do what another route does that the client takes."""
NOT_FOR_PROGRAMS = {
    ("POST", "/session"), ("GET", "/session"), ("DELETE", "/session"), ("GET", "/asyncapi.json"), ("GET", "/metrics"),
    ("GET", "/documents/{document_id}/original"), ("GET", "/api/ingest/stream/{session_id}"),
}  # fmt: skip
"""What the page has of its own, and what answers with something else than JSON; `follow` reads the streams."""
EXAMPLES = {"news": {}, "task": {}, "end": {}, "rag_config": {}, "files": [], "messages": ["x"], "documents": ["x"]}


class Noted(Verbs[None]):
    """Notes what would be sent."""

    def __init__(self) -> None:
        self.sent: list[Request] = []

    def _send(self, request: Request) -> None:
        self.sent.append(request)


class Awaited:
    """An `AsyncClient` whose verbs are awaited where they are called."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(url)

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **named: Any) -> Any:
            return await getattr(self._client, name)(*arguments, **named)

        return lambda *arguments, **named: self._runner.run(call(*arguments, **named))

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


@pytest.fixture(params=[Client, Awaited])
def client(request: pytest.FixtureRequest, shared_server: RunningServer) -> Iterator[Any]:
    with closing(request.param(shared_server.url)) as made:
        yield made


def test_there_is_a_verb_for_every_route_that_answers_with_json(shared_server: RunningServer) -> None:
    with shared_server.client() as page:
        paths = page.get("/openapi.json").json()["paths"]
    noted = Noted()
    noted.list_events("x")
    for name, verb in inspect.getmembers(noted, inspect.ismethod):
        if not name.startswith("_"):
            takes = inspect.signature(verb).parameters
            needed = [
                one.name for one in takes.values() if one.default is one.empty and one.kind is not one.VAR_KEYWORD
            ]
            for sync in ({}, {"sync": True}) if "sync" in takes else ({},):
                verb(**{one: EXAMPLES.get(one, "x") for one in needed}, **sync)

    reached = {
        (method, path)
        for path, operations in paths.items()
        for method in map(str.upper, operations)
        if any(method == one.method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), one.path) for one in noted.sent)
    }
    there = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    assert there - reached == ALIASES | NOT_FOR_PROGRAMS


def test_the_life_of_a_webhook(client: Any) -> None:
    where = client.create_workspace(f"hooked {type(client).__name__}")["workspace_id"]

    made = client.set_webhook(where, "https://example.org/", types=["job.failed"])

    assert made["secret"].startswith("whsec_")
    assert client.get_webhook(where)["types"] == ["job.failed"]
    assert client.webhook_deliveries(where, limit=1)["deliveries"] == []
    assert client.delete_webhook(where) == {}
    with pytest.raises(WebhookNotFound):
        client.get_webhook(where)


def test_each_way_to_submit_can_be_waited_for(client: Any) -> None:
    replies = [
        client.submit_text("A crimson walrus.", sync=True),
        client.submit_files([("walrus.txt", b"A scarlet walrus.")], sync=True, force=True),
        client.submit_batch(["A purple walrus.", {"text": "A green one."}], sync=True),
    ]

    assert [(reply["success"], len(reply["document_ids"])) for reply in replies] == [(True, 1), (True, 1), (True, 2)]


def test_a_batch_goes_into_its_collection(client: Any) -> None:
    reply = client.submit_batch(["An indigo heron."], collection_name="birds", sync=True)

    document = client.get_document(reply["document_ids"][0])
    assert document["workspace_id"] == client.get_workspace("birds")["workspace_id"]


def test_the_events_of_a_job_come_in_pages(client: Any) -> None:
    job_id = client.submit_text("Something with events.", sync=True)["job_id"]

    first = client.list_events(job_id, limit=2)
    rest = client.list_events(job_id, after=first["next_cursor"])

    assert [one["seq"] for one in first["events"]] == [1, 2]
    assert rest["events"][0]["seq"] == 3
    assert rest["events"][-1]["type"] == "job.completed"
    assert client.list_events()["events"][0]["type"] == "snapshot"
    assert client.ingest_status(job_id)["status"] == "finished"


def test_resources_are_kept_and_ingested_when_asked(client: Any) -> None:
    kept = client.upload_resources([("kept.txt", b"Kept alone.")], ingest=False, metadata={"a": 1})
    ingested = client.upload_resources([("ingested.txt", b"Ingested, too.")], ingest=True)

    assert kept["jobId"] is None
    assert client.get_resource(kept["documentId"])["processingStatus"] == "pending"
    assert client.get_job(ingested["jobId"])["job_id"] == ingested["jobId"]
    assert kept["documentId"] in {one["documentId"] for one in client.list_resources()["resources"]}


def test_an_outside_worker_reports_where_a_document_stands(client: Any) -> None:
    document_id = client.upload_resources([("outside.txt", b"Worked on elsewhere.")], ingest=False)["documentId"]

    said = client.report_document(document_id, "failed", error="no graph", metadata={"graph": 0})

    assert (said["processing_status"], said["processing_error"]) == ("failed", "no graph")
    assert client.get_document(document_id)["metadata"]["graph"] == 0


def test_a_workspace_is_read_and_deleted(client: Any) -> None:
    made = client.create_workspace(f"short lived {type(client).__name__}")

    assert client.get_workspace(made["name"])["workspace_id"] == made["workspace_id"]
    assert client.delete_workspace(made["workspace_id"])["job_id"]
    with pytest.raises(WorkspaceNotFound):
        client.get_workspace(made["workspace_id"])


def test_the_defaults_of_workspaces_are_replaced(client: Any) -> None:
    before = client.default_rag_config()

    assert client.set_default_rag_config({"chunk_size": 64})["chunk_size"] == 64
    assert client.default_rag_config()["chunk_size"] == 64
    assert client.set_default_rag_config({}) == before
    with pytest.raises(InvalidField):
        client.set_default_rag_config({"chunk_size": "many"})


def test_a_ticket_opens_a_stream(client: Any, shared_server: RunningServer) -> None:
    job_id = client.submit_text("Watched by ticket.", sync=True)["job_id"]
    ticket = client.create_ticket(job_id)["ticket"]

    with shared_server.client() as page:
        assert "job.completed" in page.get(f"/jobs/{job_id}/events", params={"ticket": ticket}).text


def test_the_same_key_ingests_a_document_again_once(client: Any) -> None:
    document_id = client.submit_text("Twice asked for.", sync=True)["document_ids"][0]
    key = f"again-{type(client).__name__}"

    jobs = {client.ingest_document(document_id, key=key)["job_id"] for _ in range(2)}

    assert len(jobs) == 1
