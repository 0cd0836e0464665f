"""The Python client: a verb for all that the server does, each against a real one."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from headrace.client import Client
from headrace.client.requests import Request
from headrace.client.verbs import Verbs
from headrace.model.errors import WebhookNotFound, WorkspaceNotFound
from tests.running import RunningServer

OTHER_WAYS = {
    ("POST", "/ingest"), ("POST", "/ingest/batch/async"), ("DELETE", "/jobs/{job_id}"), ("GET", "/query"),
    ("GET", "/resources"), ("GET", "/resources/{document_id}"), ("POST", "/resources/upload"),
    ("GET", "/resource/ingest/status/{job_id}"), ("GET", "/api/ingest/stream/{session_id}"), ("GET", "/events"),
}  # fmt: skip
"""They do what another route does that the client takes, or are what `follow` is for."""
NOT_FOR_IT = {
    ("POST", "/session"), ("GET", "/session"), ("DELETE", "/session"), ("GET", "/metrics"), ("GET", "/asyncapi.json"),
    ("GET", "/documents/{document_id}/original"),
}  # fmt: skip
"""The session of the page, and what answers with something else than JSON."""
EXAMPLES = {"news": {"count": 1}, "task": {"title": "x"}, "end": {}, "rag_config": {}, "files": [], "messages": ["x"]}


class Noted(Verbs[None]):
    """Notes what would be sent."""

    def __init__(self) -> None:
        self.sent: list[Request] = []

    def _send(self, request: Request) -> None:
        self.sent.append(request)


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[Client]:
    with Client(shared_server.url) as opened:
        yield opened


def ended(client: Client, job_id: str) -> dict[str, Any]:
    return list(client.follow(job_id))[-1]


def test_there_is_a_verb_for_every_route(shared_server: RunningServer) -> None:
    described = httpx.get(f"{shared_server.url}/openapi.json", trust_env=False).json()["paths"]
    routes = {(method.upper(), path) for path, methods in described.items() for method in methods}
    noted = Noted()
    for name, verb in inspect.getmembers(noted, inspect.ismethod):
        if not name.startswith("_"):
            takes = inspect.signature(verb).parameters
            needed = [
                one.name for one in takes.values() if one.default is one.empty and one.kind is not one.VAR_KEYWORD
            ]
            for wait in ({}, {"wait": True}) if "wait" in takes else ({},):
                verb(**{one: EXAMPLES.get(one, "x") for one in needed}, **wait)

    reached = {
        route
        for route in routes
        for request in noted.sent
        if request.method == route[0] and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route[1]), request.path)
    }
    assert routes - reached - OTHER_WAYS == NOT_FOR_IT


def test_what_is_waited_for_answers_when_it_can_be_searched(client: Client) -> None:
    sent = [
        client.submit_text("The vermilion heron waits.", collection_name="birds", wait=True),
        client.submit_files([("heron.txt", b"The vermilion heron flies.")], collection_name="birds", wait=True),
        client.submit_batch(["The vermilion heron sings."], collection_name="birds", wait=True),
    ]

    assert all(one["success"] for one in sent)
    found = client.query("vermilion heron", workspace="birds", mode="keyword")["results"]
    assert {one["document_id"] for one in found} == {document for one in sent for document in one["document_ids"]}


def test_the_life_of_a_workspace(client: Client) -> None:
    made = client.create_workspace("reeds", rag_config={"enrichment": False})
    ended(client, made["job_id"])
    workspace_id = made["workspace_id"]
    client.change_workspace(workspace_id, name="rushes")

    assert client.get_workspace(workspace_id)["name"] == "rushes"
    assert client.get_workspace(workspace_id)["rag_config"]["enrichment"] is False
    assert ended(client, client.delete_workspace(workspace_id)["job_id"])["type"] == "job.completed"
    with pytest.raises(WorkspaceNotFound):
        client.get_workspace(workspace_id)


def test_the_defaults_of_workspaces(client: Client) -> None:
    before = client.get_default_rag_config()

    client.set_default_rag_config({"enrichment": False})
    assert client.get_default_rag_config()["enrichment"] is False
    client.set_default_rag_config({})
    assert client.get_default_rag_config() == before


def test_the_life_of_a_webhook(client: Client) -> None:
    made = client.create_workspace("hooked")
    ended(client, made["job_id"])
    where = made["workspace_id"]

    assert client.set_webhook(where, "https://93.184.215.14/", types=["job.completed"])["secret"].startswith("whsec_")
    assert client.get_webhook(where)["types"] == ["job.completed"]
    assert client.webhook_deliveries(where, limit=1)["deliveries"] == []
    assert client.delete_webhook(where) == {}
    with pytest.raises(WebhookNotFound):
        client.get_webhook(where)


def test_a_worker_elsewhere_reports_and_the_log_tells(client: Client) -> None:
    done = client.submit_text("A document that is worked on elsewhere.", wait=True)
    document_id = done["document_ids"][0]

    client.report_document(document_id, "failed", error="the graph is down", metadata={"graph": "none"})

    found = client.get_document(document_id)
    assert (found["processing_status"], found["processing_error"]) == ("failed", "the graph is down")
    assert found["metadata"]["graph"] == "none"
    first = client.job_events(done["job_id"], limit=1)
    rest = client.job_events(done["job_id"], after=first["next_cursor"])
    assert [one["seq"] for one in first["events"] + rest["events"]] == list(range(1, len(rest["events"]) + 2))


def test_a_ticket_opens_one_stream(client: Client) -> None:
    done = client.submit_text("Somebody without headers looks at this.", wait=True)
    ticket = client.create_ticket(done["job_id"])["ticket"]
    where = f"{client.url}/jobs/{done['job_id']}/events?ticket={ticket}"

    assert '"status":"completed"' in httpx.get(where, trust_env=False).text
