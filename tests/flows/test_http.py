"""Contract 3 at a real server: every route with its shapes and its errors, and all of them in the OpenAPI document."""

import asyncio
import io
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from headrace.server.app import Application
from headrace.settings import Settings
from tests.faults.chaos import check_log, events_of, until, wait_for_end
from tests.flows.described import Description, described_client
from tests.running import RunningServer, running_server
from tests.unit.pipeline.documents import pdf

MOST_FILE_BYTES = 300_000
TEXT = "Kestrels hover over the old quarry at dawn. " * 40
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
JOB_REPLY = {"job_id", "job_type", "status", "created_at", "message"}
SYNC_REPLY = {"success", "chunks_created", "job_id", "document_ids", "message", "error_message"}
PROGRAM = b"MZ\x90\x00\x03" + bytes(range(256))
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def http_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    limits = {
        "max_file_bytes": MOST_FILE_BYTES,
        "max_json_bytes": 1_000_000,
        "max_request_files": 5,
        "max_messages": 50,
    }
    with running_server(
        tmp_path_factory.mktemp("http"), min_free_disk_bytes=0, max_metadata_bytes=500, **limits
    ) as started:
        yield started


@pytest.fixture(scope="module")
def client(http_server: RunningServer) -> Iterator[httpx.Client]:
    with described_client(http_server) as made:
        yield made


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(told)
    assert told["status"] == status
    assert not [word for word in ("Traceback", "SELECT", "/data/", ".py") if word in answer.text]
    assert (status == 422) <= bool(told.get("errors"))
    return told


def accepted(answer: httpx.Response, kind: str) -> str:
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert set(told) == JOB_REPLY
    assert (told["job_type"], told["status"], told["message"]) == (kind, "pending", "")
    assert ISO.fullmatch(told["created_at"])
    assert UUID(told["job_id"]).version == 7
    assert answer.headers["location"] == f"/jobs/{told['job_id']}"
    return str(told["job_id"])


def waited(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert set(told) == SYNC_REPLY
    assert told["success"], told
    return told


def new_workspace(client: httpx.Client, **config: Any) -> str:
    """The name of a workspace of the test's own, ready."""
    name = f"w-{uuid4().hex[:8]}"
    made = client.post("/workspaces", json={"name": name, "rag_config": config})
    assert made.status_code == 202
    wait_for_end(client, made.json()["job_id"])
    return name


def found(client: httpx.Client, query: str, **asked: Any) -> list[dict[str, Any]]:
    answer = client.post("/query", json={"query": query} | asked)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


FORM = {"text_content": TEXT, "metadata": '{"source": "api"}'}
FILE = {"file": ("a.txt", TEXT.encode(), "text/plain")}
ASYNC: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a text in a form": ("/ingest", "text_ingestion", {"data": FORM}),
    "a file": ("/ingest", "file_ingestion", {"files": FILE, "data": {"metadata": "{}", "force": "true"}}),
    "a form that must not wait": ("/ingest/async", "text_ingestion", {"data": FORM | {"sync": "true"}}),
    "a text as JSON": ("/ingest/text/async", "text_ingestion", {"json": {"text_content": TEXT}}),
    "messages": ("/ingest/batch", "batch_ingestion", {"json": {"messages": [{"text": TEXT}, {"text": "two"}]}}),
    "messages that must not wait": ("/ingest/batch/async", "batch_ingestion", {"json": {"messages": [{"text": TEXT}]}}),
}
SYNC: dict[str, tuple[str, dict[str, Any]]] = {
    "a form": ("/ingest", {"data": FORM | {"sync": "true"}}),
    "a text as JSON": ("/ingest/text", {"json": {"text_content": TEXT, "metadata": {"source": "api"}}}),
    "a file": ("/ingest/file", {"files": FILE}),
    "messages": ("/ingest/batch?sync=true", {"json": {"messages": [{"text": TEXT}]}}),
}


@pytest.mark.parametrize("what", ASYNC)
def test_what_is_accepted_is_a_job_that_ends_well(client: httpx.Client, what: str) -> None:
    path, kind, sent = ASYNC[what]

    job = wait_for_end(client, accepted(client.post(path, **sent), kind))

    assert (job["status"], job["progress"], job["progress_percent"], job["failed_items"]) == ("completed", 1, 100, 0)
    assert job["job_id"] == job["upload_id"] == job["session_id"]
    assert job["chunks_created"] == job["total_chunks"] == job["stats"]["chunks"] > 0
    check_log(events_of(client, job["job_id"]))


def test_waiting_and_not_waiting_make_the_same_chunks(client: httpx.Client) -> None:
    told = {what: waited(client.post(path, **sent)) for what, (path, sent) in SYNC.items()}
    path, kind, sent = ASYNC["a text in a form"]
    later = wait_for_end(client, accepted(client.post(path, **sent), kind))

    assert {one["chunks_created"] for one in told.values()} == {later["chunks_created"]}
    assert later["metadata"] == {"source": "api"}
    assert all(len(one["document_ids"]) == 1 for one in told.values())


def test_an_upload_tells_how_many_documents_came(client: httpx.Client) -> None:
    documents = [{"content": TEXT, "filename": "u.txt"}, {"text": "two"}, "three", {"content_base64": "Zm91cg=="}]
    began = time.time()

    answer = client.post("/upload", json={"collection_name": "letters", "documents": documents})

    told = answer.json()
    assert set(told) == {"upload_id", "status", "message", "timestamp"}
    assert (answer.status_code, told["status"]) == (202, "received")
    assert told["message"] == "Upload received. Total documents: 4"
    assert abs(told["timestamp"] - began) < 60
    assert wait_for_end(client, told["upload_id"])["processed_items"] == 4


def test_several_files_are_one_job(client: httpx.Client) -> None:
    files = [("file", (f"{number}.txt", f"letter {number}".encode())) for number in range(3)]

    job = wait_for_end(client, client.post("/upload", files=files, data={"collection_name": "c"}).json()["upload_id"])

    items = client.get(f"/jobs/{job['job_id']}/documents").json()["documents"]
    assert [(one["filename"], one["stage"], one["status"], one["progress"]) for one in items] == [
        (f"{number}.txt", "completed", "ready", 1.0) for number in range(3)
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ingest", {"data": FORM}),
        ("/ingest/text", {"json": {"text_content": TEXT}}),
        ("/ingest/batch", {"json": {"messages": [{"text": TEXT}]}}),
        ("/upload", {"json": {"documents": [TEXT]}}),
        ("/upload", {"files": FILE}),
    ],
)
def test_one_idempotency_key_is_one_job(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    answers = [client.post(path, headers=key, **body).json() for _ in range(3)]
    first = answers[0]
    other = {"json": {"messages": [{"text": "other"}], "text_content": "other", "documents": ["other"]}}

    assert len({one.get("job_id") or one["upload_id"] for one in answers}) == 1
    if path != "/ingest":
        assert problem(client.post(path, headers=key, **other), 409)["code"] == "idempotency_key_reused"
    assert problem(client.post("/ingest", headers=key, data={"text_content": "x"}), 409)
    found = client.get("/jobs", params={"idempotency_key": key["Idempotency-Key"]}).json()["jobs"]
    assert [one["job_id"] for one in found] == [first.get("job_id") or first["upload_id"]]


def test_a_key_under_which_nothing_came_finds_no_job(client: httpx.Client, ended: str) -> None:
    assert client.get("/jobs", params={"idempotency_key": uuid4().hex}).json()["jobs"] == []


def test_a_document_is_ingested_again_as_a_new_job(client: httpx.Client) -> None:
    document_id = waited(client.post("/ingest/text", json={"text_content": TEXT}))["document_ids"][0]
    key = {"Idempotency-Key": uuid4().hex}

    answers = [client.post(f"/resource/ingest/{document_id}", json={"force": True}, headers=key) for _ in range(2)]

    told = answers[0].json()
    assert (answers[0].status_code, told["status"], told["job_type"]) == (202, "queued", "resource_ingestion")
    assert told["job_id"] == answers[1].json()["job_id"]
    job = wait_for_end(client, told["job_id"])
    assert job["stats"]["embeddings_computed"] == 0
    assert job["stats"]["embeddings_reused"] == job["chunks_created"]
    queue = client.get(f"/resource/ingest/status/{told['job_id']}").json()
    assert (queue["status"], queue["error"], queue["progress"]) == ("finished", None, 1.0)
    assert client.get(f"/documents/{document_id}").json()["job_id"] == told["job_id"]


MALFORMED: dict[str, tuple[int, str, str, dict[str, Any]]] = {
    "half a JSON": (400, "POST", "/ingest/text", {"content": b'{"text_content":', "headers": JSON}),
    "half a JSON upload": (400, "POST", "/upload", {"content": b'{"documents":', "headers": JSON}),
    "half a JSON ticket": (400, "POST", "/tickets", {"content": b'{"job_id":', "headers": JSON}),
    "half a JSON workspace": (400, "POST", "/workspaces", {"content": b'{"name":', "headers": JSON}),
    "half a JSON task": (400, "POST", "/tasks", {"content": b'{"title":', "headers": JSON}),
    "no form": (400, "POST", "/ingest", {"content": b"x", "headers": {"content-type": "text/plain"}}),
    "half a form": (
        400,
        "POST",
        "/ingest",
        {"content": b"--b\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}},
    ),
    "metadata that are no JSON": (400, "POST", "/ingest", {"data": {"text_content": "x", "metadata": "{nope"}}),
    "metadata nested beyond measure": (
        400,
        "POST",
        "/ingest",
        {"data": {"text_content": "x", "metadata": "[" * 100_000}},
    ),
    "a garbled cursor": (400, "GET", "/jobs/{job}/events?after=garbled", {"headers": {"accept": "application/json"}}),
    "a garbled cursor of a poll": (400, "GET", "/jobs/{job}?after=garbled&wait=1", {}),
    "a garbled cursor of a list": (400, "GET", "/jobs?cursor=garbled", {}),
    "a garbled cursor of a job's documents": (400, "GET", "/jobs/{job}/documents?cursor=garbled", {}),
    "a garbled cursor of a question": (400, "POST", "/query", {"json": {"query": "x", "cursor": "garbled"}}),
    "a long cursor of a question": (400, "GET", f"/query?q=x&cursor={'1' * 200}", {}),
    "a content type of none of the bodies": (
        400,
        "POST",
        "/upload",
        {"content": b'{"documents": ["x"]}', "headers": {"content-type": "text/plain"}},
    ),
    "JSON that calls itself a form": (
        400,
        "POST",
        "/upload",
        {"content": b'{"documents": ["x"]}', "headers": {"content-type": "multipart/form-data; boundary=b"}},
    ),
    "no text": (422, "POST", "/ingest/text", {"json": {}}),
    "a text that is a number": (422, "POST", "/ingest/text", {"json": {"text_content": 7}}),
    "an empty text": (422, "POST", "/ingest/text", {"json": {"text_content": ""}}),
    "a text of spaces": (422, "POST", "/ingest/text", {"json": {"text_content": " \n "}}),
    "an empty form": (
        422,
        "POST",
        "/ingest",
        {"data": {}, "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ),
    "metadata that are a list": (422, "POST", "/ingest", {"data": {"text_content": "x", "metadata": "[]"}}),
    "metadata with NaN": (422, "POST", "/ingest", {"data": {"text_content": "x", "metadata": '{"a": NaN}'}}),
    "metadata with NUL": (422, "POST", "/ingest/text", {"json": {"text_content": "x", "metadata": {"a": "\0"}}}),
    "metadata that are too large": (
        422,
        "POST",
        "/ingest/text",
        {"json": {"text_content": "x", "metadata": {"a": "x" * 600}}},
    ),
    "a collection without a name": (
        422,
        "POST",
        "/ingest/text",
        {"json": {"text_content": "x", "collection_name": ""}},
    ),
    "a collection with a long name": (
        422,
        "POST",
        "/ingest",
        {"data": {"text_content": "x", "collection_name": "x" * 300}},
    ),
    "messages that are a text": (422, "POST", "/ingest/batch", {"json": {"messages": "x"}}),
    "no messages": (422, "POST", "/ingest/batch", {"json": {"messages": []}}),
    "no documents": (422, "POST", "/upload", {"json": {"documents": []}}),
    "a document that is a number": (422, "POST", "/upload", {"json": {"documents": [7]}}),
    "a document without content": (422, "POST", "/upload", {"json": {"documents": [{"filename": "a"}]}}),
    "a document that is no base64": (422, "POST", "/upload", {"json": {"documents": [{"content_base64": "?"}]}}),
    "an upload without a file": (422, "POST", "/resources/upload", {"data": {"collection_name": "x"}}),
    "an unknown mode": (422, "POST", "/query", {"json": {"query": "x", "mode": "psychic"}}),
    "no results": (422, "POST", "/query", {"json": {"query": "x", "top_k": 0}}),
    "an empty query": (422, "POST", "/query", {"json": {"query": ""}}),
    "no query": (422, "GET", "/query", {}),
    "a limit that is a word": (422, "GET", "/jobs?limit=many", {}),
    "a limit of nothing": (422, "GET", "/documents?limit=0", {}),
    "an unknown status": (422, "GET", "/jobs?status=lost", {}),
    "a wait that is a word": (422, "GET", "/jobs/{job}?wait=long", {}),
    "an unknown setting": (422, "PUT", "/rag-config/default", {"json": {"chunk_sise": 7}}),
    "a chunk that is too small": (422, "POST", "/workspaces", {"json": {"name": "x", "rag_config": {"chunk_size": 1}}}),
    "a workspace without a name": (422, "POST", "/workspaces", {"json": {"name": ""}}),
    "a program": (415, "POST", "/ingest/file", {"files": {"file": ("x.txt", PROGRAM, "text/plain")}}),
    "a program kept": (415, "POST", "/resources/upload", {"files": {"file": ("x.exe", PROGRAM)}}),
    "a large file": (413, "POST", "/ingest", {"files": {"file": ("x.txt", b"x" * (MOST_FILE_BYTES + 1))}}),
    "a large text": (413, "POST", "/ingest/text", {"json": {"text_content": "x" * (MOST_FILE_BYTES + 1)}}),
    "a large JSON": (413, "POST", "/ingest/text", {"json": {"text_content": "x" * 1_100_000}}),
    "many files": (413, "POST", "/upload", {"files": [("file", (f"{n}.txt", b"x")) for n in range(6)]}),
    "many messages": (413, "POST", "/ingest/batch", {"json": {"messages": [{"text": "x"}] * 51}}),
    "no such path": (404, "GET", "/nowhere", {}),
    "no such workspace to search": (404, "POST", "/query", {"json": {"query": "x", "workspace": "nowhere"}}),
    "no such workspace to list": (404, "GET", "/documents?workspace=nowhere", {}),
    "an id with NUL": (404, "GET", "/jobs/%00", {}),
    "a method that is not there": (405, "PUT", "/jobs/stats", {}),
    "a question to where documents go": (405, "GET", "/upload", {}),
}


@pytest.fixture(scope="module")
def ended(client: httpx.Client) -> str:
    """A job that has ended."""
    return str(waited(client.post("/ingest/text", json={"text_content": TEXT}))["job_id"])


@pytest.mark.parametrize("what", MALFORMED)
def test_what_cannot_be_meant_is_refused_with_its_reason(client: httpx.Client, ended: str, what: str) -> None:
    status, method, path, sent = MALFORMED[what]
    before = client.get("/jobs/stats").json()["total_jobs"]

    problem(client.request(method, path.format(job=ended), **sent), status)

    assert client.get("/jobs/stats").json()["total_jobs"] == before


def test_every_route_is_described_with_its_errors_and_answers_404_for_an_unknown_id(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    routes = Description(document).routes
    bodies = {"/documents/{document_id}/status": {"status": "ready"}, "/workspaces/{workspace_id}": {"name": "x"}}
    bodies |= {"/workspaces/{workspace_id}/webhook": {"url": "https://example.org/"}}

    for (method, path), statuses in routes.items():
        if "{" in path:
            assert 404 in statuses, f"{method} {path}"
            body = bodies.get(path, {}) if method in ("POST", "PATCH", "PUT") else None
            unknown = re.sub(r"{\w+}", str(uuid4()), path)
            problem(client.request(method, unknown, json=body, headers={"accept": "application/json"}), 404)
        assert (method in ("POST", "PATCH", "PUT")) <= bool(statuses & {400, 404, 409, 422, 401}), f"{method} {path}"


@pytest.mark.parametrize("name", ["sync", "force", "force_recreate", "replace"])
def test_a_flag_of_a_form_that_is_neither_true_nor_false_is_named(client: httpx.Client, name: str) -> None:
    told = problem(client.post("/ingest", data={"text_content": "x", name: "banana"}), 422)

    assert told["errors"][0]["field"] == name


def test_a_null_is_as_a_field_that_is_not_sent(client: httpx.Client) -> None:
    text = {"text_content": "A heron at the null weir.", "metadata": None, "collection_name": None}
    document_id = waited(client.post("/ingest/text", json=text))["document_ids"][0]
    upload = {"documents": [{"content": "An otter.", "metadata": None}], "force": None, "force_recreate": None}
    question = {"query": "heron", "filters": None, "top_k": None, "mode": None}

    assert client.post("/upload", json=upload).status_code == 202
    assert client.post(f"/resource/ingest/{document_id}", json={"force": None}).status_code == 202
    assert client.post("/query", json=question).status_code == 200
    assert client.post("/workspaces", json={"name": "of nulls", "rag_config": None}).status_code == 202
    assert client.put("/rag-config/default", json={"chunk_size": None}).json()["chunk_size"] == 256
    assert (
        problem(client.post("/ingest/text", json={"text_content": None}), 422)["errors"][0]["field"] == "text_content"
    )


def test_every_error_is_described_as_the_problem_that_it_is(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()

    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = operation["responses"]
            errors = {status: set(answer["content"]) for status, answer in answers.items() if status >= "400"}
            assert all(kinds == {"application/problem+json"} for kinds in errors.values()), f"{method} {path}"
            if "requestBody" in operation:
                assert {"400", "408", "413", "422", "503"} <= set(errors), f"{method} {path}"
            has_only_an_id = {one["in"] for one in operation.get("parameters", [])} <= {"path"}
            assert not (has_only_an_id and "requestBody" not in operation and "422" in errors), f"{method} {path}"


@pytest.mark.parametrize("path", ["/jobs/{job_id}/events", "/events"])
def test_events_are_described_as_the_stream_and_as_the_page_that_they_are(client: httpx.Client, path: str) -> None:
    operation = client.get("/openapi.json").json()["paths"][path]["get"]

    assert set(operation["responses"]["200"]["content"]) == {"text/event-stream", "application/json"}
    assert ("204" in operation["responses"]) == ("job_id" in path)
    named = [one["name"] for one in operation["parameters"] if one["in"] != "path"]
    assert sorted(named) == ["Last-Event-ID", "after", "if-none-match", "limit", "ticket", "wait"]


def test_each_form_is_described_with_what_is_read_of_it(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    kept = {"file", "metadata", "collection_name"}
    uploaded = kept | {"force_recreate", "force", "replace"}
    forms = {
        "/ingest": uploaded | {"text_content", "sync"},
        "/ingest/async": uploaded | {"text_content"},
        "/ingest/file": uploaded,
        "/upload": uploaded,
        "/resources/upload": kept,
    }

    for path, fields in forms.items():
        content = paths[path]["post"]["requestBody"]["content"]
        assert set(content["multipart/form-data"]["schema"]["properties"]) == fields, path
        assert ("application/x-www-form-urlencoded" in content) == ("text_content" in fields), path


def test_every_route_of_the_contract_is_there(client: httpx.Client) -> None:
    names = {
        (method, re.sub(r"{\w+}", "{}", path))
        for method, path in Description(client.get("/openapi.json").json()).routes
    }

    missing = [line for line in ROUTES.split("\n") for verb in line.split(" ")[0].split("/")
               if line and (verb, line.split(" ")[1]) not in names]  # fmt: skip
    assert missing == []
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert client.get(path).status_code == 200


ROUTES = """POST /ingest
POST /ingest/async
POST /ingest/text
POST /ingest/text/async
POST /ingest/file
POST /ingest/batch
POST /ingest/batch/async
POST /upload
POST /resource/ingest/{}
GET /resource/ingest/status/{}
GET /jobs
GET /jobs/stats
GET/DELETE /jobs/{}
GET /jobs/{}/documents
GET /jobs/{}/events
POST /jobs/{}/cancel
POST /jobs/{}/retry
POST /jobs/{}/pause
POST /jobs/{}/resume
GET /documents
GET/DELETE /documents/{}
POST /documents/{}/status
GET /resources
GET /resources/{}
POST /resources/upload
GET/POST /workspaces
GET/PATCH/DELETE /workspaces/{}
GET/PUT /rag-config/default
GET/POST /query
GET /healthz
GET /readyz
GET /metrics"""


def test_a_job_that_has_not_changed_is_not_sent_again(client: httpx.Client, ended: str) -> None:
    tag = client.get(f"/jobs/{ended}").headers["etag"]

    same = client.get(f"/jobs/{ended}", headers={"If-None-Match": f'"other", {tag}'})
    other = client.get(f"/jobs/{ended}", headers={"If-None-Match": '"other"'})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert other.status_code == 200


def test_a_long_poll_answers_when_something_is_new_and_not_before(client: httpx.Client) -> None:
    job_id = client.post("/tasks", json={"title": "Reindex", "total": 2}).json()["job_id"]
    known = client.get(f"/jobs/{job_id}").json()
    began = time.monotonic()
    later = threading.Timer(0.5, lambda: client.post(f"/tasks/{job_id}/advance", json={"count": 1}))
    later.start()

    new = client.get(f"/jobs/{job_id}", params={"after": known["last_event_id"], "wait": 20}).json()

    later.join()
    assert new["last_event_id"] != known["last_event_id"]
    assert 0.4 < time.monotonic() - began < 15
    client.post(f"/tasks/{job_id}/finish", json={})


def test_a_long_poll_with_nothing_new_answers_when_its_time_is_over(client: httpx.Client) -> None:
    job_id = client.post("/tasks", json={"title": "Reindex"}).json()["job_id"]
    known = client.get(f"/jobs/{job_id}").json()

    same = client.get(f"/jobs/{job_id}", params={"after": known["last_event_id"], "wait": 0.3}).json()

    assert same["last_event_id"] == known["last_event_id"]
    client.post(f"/tasks/{job_id}/finish", json={})


def test_a_long_poll_of_an_ended_job_answers_at_once(client: httpx.Client, ended: str) -> None:
    last = client.get(f"/jobs/{ended}").json()["last_event_id"]
    began = time.monotonic()

    assert client.get(f"/jobs/{ended}", params={"after": last, "wait": 25}).json()["status"] == "completed"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", ["jobs", "documents", "resources", "workspaces"])
def test_pages_of_a_list_are_newest_first_and_hold_everything_once(client: httpx.Client, name: str) -> None:
    for _ in range(3):
        waited(client.post("/ingest/text", json={"text_content": "a letter", "collection_name": new_workspace(client)}))
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while cursor is not None or not rows:
        page = client.get(f"/{name}", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        assert set(page) == {name, "next_cursor"}
        assert len(page[name]) <= 2
        rows += page[name]
        cursor = page["next_cursor"]

    key = next(key for key in ("job_id", "document_id", "documentId", "workspace_id") if key in rows[0]) \
        if name in ("jobs", "resources") else f"{name[:-1]}_id"  # fmt: skip
    key = "documentId" if name == "resources" else key
    ids = [row[key] for row in rows]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) >= 3


@pytest.mark.parametrize(
    "path", ["jobs", "documents", "resources", "workspaces", "jobs/{}/documents", "jobs/{}/events"]
)
def test_a_list_that_has_not_changed_is_not_sent_again(client: httpx.Client, ended: str, path: str) -> None:
    url, as_json = f"/{path.format(ended)}", {"accept": "application/json"}
    tag = client.get(url, headers=as_json).headers["etag"]

    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = client.get(url, headers=as_json | {"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(url, headers=as_json | {"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize("name", ["jobs", "documents", "resources", "workspaces"])
def test_an_empty_cursor_is_none(client: httpx.Client, ended: str, name: str) -> None:
    assert client.get(f"/{name}?cursor=").json()[name], ended


@pytest.mark.parametrize("path", ["/healthz", "/jobs", "/jobs/{}", "/documents", "/docs", "/openapi.json"])
def test_head_is_get_without_the_body(client: httpx.Client, ended: str, path: str) -> None:
    asked, whole = client.head(path.format(ended)), client.get(path.format(ended))

    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-type"] == whole.headers["content-type"]


def test_a_method_that_is_not_there_is_told_those_that_are(client: httpx.Client, ended: str) -> None:
    told = {path: client.options(path).headers["allow"] for path in ("/upload", "/jobs", f"/jobs/{ended}")}

    assert told == {"/upload": "POST", "/jobs": "GET, HEAD", f"/jobs/{ended}": "DELETE, GET, HEAD"}


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/query", {"query": ""}, ["query"]),
        ("/query", {}, ["query"]),
        ("/upload", {"documents": ["good", ""]}, ["documents.1"]),
        ("/upload", {"documents": [{"content": "good"}, {"content": ""}]}, ["documents.1"]),
        ("/upload", {"documents": [{"content": "good", "filename": ""}]}, ["documents.0.filename"]),
    ],
)
def test_what_is_wrong_is_told_once_and_by_its_name(
    client: httpx.Client, path: str, body: dict[str, Any], fields: list[str]
) -> None:
    assert [one["field"] for one in client.post(path, json=body).json()["errors"]] == fields


def test_a_key_is_refused_where_something_else_is_asked_of_a_document(client: httpx.Client, ended: str) -> None:
    document_id = client.get(f"/jobs/{ended}/documents").json()["documents"][0]["document_id"]
    key = {"idempotency-key": f"again-{document_id}"}
    first = client.post(f"/resource/ingest/{document_id}", json={}, headers=key)
    other = client.post(f"/resource/ingest/{document_id}", json={"force": True}, headers=key)

    assert (first.status_code, other.status_code) == (202, 409)


def test_what_is_kept_has_the_metadata_that_came_with_it(client: httpx.Client) -> None:
    sent = {"files": {"file": ("kept.txt", TEXT.encode())}, "data": {"metadata": '{"shelf": 7}'}}

    kept = client.post("/resources/upload", **sent)

    assert (kept.status_code, kept.json()["metadata"]) == (201, {"shelf": 7})


def test_pages_of_events_go_on_where_the_last_one_ended(client: httpx.Client, ended: str) -> None:
    frames: list[dict[str, Any]] = []
    parameters: dict[str, Any] = {"limit": 2}
    while page := client.get(f"/jobs/{ended}/events", params=parameters, headers={"accept": "application/json"}).json():
        if not page["events"]:
            assert page["next_cursor"] == frames[-1]["event_id"]
            break
        frames += page["events"]
        parameters["after"] = page["next_cursor"]

    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert frames[-1]["type"] == "job.completed"


def test_a_poller_of_all_jobs_gets_the_snapshot_then_every_event_once(client: httpx.Client) -> None:
    as_json = {"headers": {"accept": "application/json"}}
    page = client.get("/events", **as_json).json()
    assert [frame["type"] for frame in page["events"]] == ["snapshot"]
    after = page["next_cursor"]
    job_id = client.post("/tasks", json={"title": "Reindex", "total": 2}).json()["job_id"]
    later = threading.Timer(0.3, lambda: client.post(f"/tasks/{job_id}/finish", json={}))
    later.start()

    types: list[str] = []
    while "job.completed" not in types:
        page = client.get("/events", params={"after": after, "wait": 20}, **as_json).json()
        numbers = [int(frame["event_id"].split("-")[1]) for frame in page["events"]]
        begin = int(after.split("-")[1]) + 1
        assert numbers == list(range(begin, begin + len(numbers)))
        types += [frame["type"] for frame in page["events"] if frame["job_id"] == job_id]
        after = page["next_cursor"]

    later.join()
    assert types[0] == "job.received"


@pytest.mark.parametrize(("asked", "status"), [("true", "completed"), ("false", "pending"), (None, "completed")])
def test_an_uploaded_resource_is_ingested_unless_told_not_to_be(
    client: httpx.Client, asked: str | None, status: str
) -> None:
    answer = client.post("/resources/upload", params={"ingest": asked} if asked else {}, files=FILE)

    made = answer.json()
    assert (answer.status_code, made["filename"], made["contentType"]) == (201, "a.txt", "text/plain")
    assert answer.headers["location"] == f"/resources/{made['documentId']}"
    assert (made["jobId"] is None) == (status == "pending")
    if made["jobId"]:
        wait_for_end(client, made["jobId"])
    assert client.get(f"/resources/{made['documentId']}").json()["processingStatus"] == status


def test_an_upload_that_is_sent_again_with_its_key_gives_the_same_resources_and_job(client: httpx.Client) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    files = [("file", (f"{name}.txt", f"{name} of the {key}".encode())) for name in ("sluice", "weir")]
    before = client.get("/jobs/stats").json()["total_jobs"]

    first, again = (client.post("/resources/upload", files=files, headers=key) for _ in range(2))
    other = client.post("/resources/upload", files=files[:1], headers=key)
    useless = client.post("/resources/upload", files=files, headers=key, params={"ingest": "false"})

    assert [(one["documentId"], one["jobId"]) for one in again.json()["resources"]] == [
        (one["documentId"], one["jobId"]) for one in first.json()["resources"]
    ]
    assert len({one["jobId"] for one in first.json()["resources"]}) == 1
    assert problem(other, 409)["code"] == "idempotency_key_reused"
    assert problem(useless, 422)["errors"][0]["field"] == "Idempotency-Key"
    assert client.get("/jobs/stats").json()["total_jobs"] == before + 1


def test_a_rebuilt_collection_holds_what_was_sent_last_and_nothing_else(client: httpx.Client) -> None:
    name = new_workspace(client)
    for word in ("obsidian", "travertine"):
        body = {"collection_name": name, "force_recreate": True, "documents": [f"{word} from the pit"]}
        wait_for_end(client, client.post("/upload", json=body).json()["upload_id"])

    assert [hit["text"] for hit in found(client, "pit", workspace=name)] == ["travertine from the pit"]


def test_a_workspace_is_made_watched_renamed_and_deleted(client: httpx.Client) -> None:
    name = f"w-{uuid4().hex[:8]}"
    answer = client.post("/workspaces", json={"name": name, "rag_config": {"enrichment": False}})
    made = answer.json()
    path = f"/workspaces/{made['workspace_id']}"
    assert (answer.status_code, answer.headers["location"]) == (202, path)
    assert wait_for_end(client, made["job_id"])["job_type"] == "workspace_provisioning"

    view = client.get(path).json()
    assert set(view) == {
        "workspace_id",
        "name",
        "status",
        "status_message",
        "rag_config",
        "document_count",
        "created_at",
    }
    assert (view["status"], view["rag_config"], view["document_count"]) == ("ready", {"enrichment": False}, 0)
    assert problem(client.post("/workspaces", json={"name": name}), 409)["code"] == "name_taken"
    assert (
        client.patch(path, json={"name": f"{name} 2", "rag_config": {"chunk_size": 64}}).json()["name"] == f"{name} 2"
    )
    assert client.get(path).json()["rag_config"] == {"enrichment": False, "chunk_size": 64}

    waited(client.post("/ingest/text", json={"text_content": "pumice", "collection_name": f"{name} 2"}))
    deleted = client.delete(path)
    assert (deleted.status_code, deleted.json()["job_type"]) == (202, "workspace_deletion")
    problem(client.get(path), 404)
    assert [hit for hit in found(client, "pumice", mode="keyword") if hit["text"] == "pumice"] == []
    assert wait_for_end(client, deleted.json()["job_id"])["status"] == "completed"


def test_the_size_of_chunks_is_the_workspace_s_own(client: httpx.Client) -> None:
    small, large = new_workspace(client, chunk_size=16), new_workspace(client)

    counts = [
        waited(client.post("/ingest/text", json={"text_content": TEXT, "collection_name": name}))["chunks_created"]
        for name in (small, large)
    ]

    assert counts[0] > 3 * counts[1]


def test_a_workspace_without_an_embedder_is_searched_by_words_alone(client: httpx.Client) -> None:
    name = new_workspace(client, embedder="none")
    told = waited(client.post("/ingest/text", json={"text_content": "a falcon circles", "collection_name": name}))

    assert client.get(f"/jobs/{told['job_id']}").json()["stats"]["embeddings_computed"] == 0
    assert [hit["text"] for hit in found(client, "falcon", workspace=name)] == ["a falcon circles"]
    assert found(client, "bird of prey", workspace=name) == []


def test_the_defaults_of_a_user_hold_where_a_workspace_says_nothing(client: httpx.Client) -> None:
    before = client.get("/rag-config/default").json()
    assert set(before) == {
        "chunk_size", "chunk_overlap", "embedder", "enrichment", "max_embeddings", "search_mode", "worker_tag"
    }  # fmt: skip

    changed = client.put("/rag-config/default", json={"enrichment": False}).json()
    try:
        told = waited(
            client.post("/ingest/text", json={"text_content": TEXT, "collection_name": new_workspace(client)})
        )
        assert changed == before | {"enrichment": False}
        assert client.get(f"/jobs/{told['job_id']}").json()["stats"]["keywords"] == 0
    finally:
        assert client.put("/rag-config/default", json=before).json() == before


def test_a_query_finds_by_words_and_by_meaning_within_what_is_asked_for(client: httpx.Client) -> None:
    name = new_workspace(client)
    texts = {"birds": "a falcon circles over the cliffs", "bread": "rye dough rests for a night"}
    sent = {
        topic: waited(client.post("/ingest/text", json={
            "text_content": text, "collection_name": name, "metadata": {"topic": topic}}))["document_ids"][0]
        for topic, text in texts.items()
    }  # fmt: skip

    assert [hit["document_id"] for hit in found(client, "falcon", mode="keyword", workspace=name)] == [sent["birds"]]
    for mode in ("vector", "hybrid"):
        assert found(client, "bird of prey", mode=mode, workspace=name, top_k=1)[0]["document_id"] == sent["birds"]
    assert {hit["document_id"] for hit in found(client, "night", document_ids=[sent["birds"]])} <= {sent["birds"]}
    by_url = client.get("/query", params={"q": "dough", "workspace": name, "top_k": 1}).json()
    assert by_url["results"][0]["document_id"] == sent["bread"]
    hit = by_url["results"][0]
    assert {"document_id", "chunk_id", "text", "score", "metadata", "filename", "offsets"} <= set(hit)
    start, end = hit["offsets"]
    assert texts["bread"][start:end] == hit["text"]


def test_metadata_of_a_document_can_be_filtered_on(client: httpx.Client) -> None:
    name = new_workspace(client)
    messages = [{"text": f"weir number {number}", "metadata": {"year": 2000 + number}} for number in range(3)]
    waited(client.post("/ingest/batch?sync=true", json={"messages": messages, "collection_name": name}))

    hits = found(client, "weir", workspace=name, filters={"year": 2001})

    assert [hit["text"] for hit in hits] == ["weir number 1"]


@pytest.mark.parametrize("clock", ["created_at", "updated_at", "dated"])
def test_bounds_in_time_may_be_open_or_at_the_ends_of_the_calendar(client: httpx.Client, clock: str) -> None:
    name = new_workspace(client)
    waited(client.post("/ingest/text", json={"text_content": "a weir of 1911-03-31", "collection_name": name}))

    def is_found(bounds: dict[str, str | None]) -> bool:
        return bool(found(client, "weir", workspace=name, **{clock: bounds}))

    for empty in ({}, {"from": None, "to": None}):
        assert is_found(empty)
    for first in ("0001-01-01", "0001-01-01T00:00:00+14:00"):
        assert is_found({"from": first})
        assert not is_found({"to": first})
    for last in ("9999-12-31", "9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999-12:00"):
        assert is_found({"to": last})
        assert not is_found({"from": last})
        assert is_found({"from": "0001-01-01", "to": last})


def test_a_deleted_document_is_not_found_any_more(client: httpx.Client) -> None:
    told = waited(client.post("/ingest/text", json={"text_content": "a solitary dipper"}))
    document_id = told["document_ids"][0]

    assert client.delete(f"/documents/{document_id}").status_code == 204

    for path in ("/documents", "/resources"):
        problem(client.get(f"{path}/{document_id}"), 404)
    problem(client.delete(f"/documents/{document_id}"), 404)
    problem(client.post(f"/resource/ingest/{document_id}"), 404)
    assert [hit for hit in found(client, "dipper", mode="keyword") if hit["document_id"] == document_id] == []


def test_an_outside_worker_s_word_is_the_document_s_state(client: httpx.Client) -> None:
    document_id = waited(client.post("/ingest/text", json={"text_content": TEXT}))["document_ids"][0]
    answer = client.post(f"/documents/{document_id}/status", json={"status": "failed", "error": "no route"})

    assert answer.status_code in (200, 202)
    view = client.get(f"/documents/{document_id}").json()
    assert (view["processing_status"], view["processing_error"]) == ("failed", "no route")
    problem(client.post(f"/documents/{document_id}/status", json={"status": "lost"}), 422)


def encrypted_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    return buffer.getvalue()


BAD = {
    "cut.pdf": (pdf(["page one", "page two"])[:90], {"corrupt"}),
    "locked.pdf": (pdf(["page one"], encrypt=True), {"encrypted"}),
    "empty.txt": (b"", {"empty"}),
    "blank.pdf": (pdf([" "]), {"empty"}),
}


def test_bad_documents_fail_alone_each_with_its_reason(client: httpx.Client) -> None:
    files = [("file", (name, content)) for name, (content, _) in BAD.items()]
    files.append(("file", ("report.txt", pdf(["a heron in disguise"]))))

    job = wait_for_end(client, accepted(client.post("/ingest", files=files), "file_ingestion"))

    items = {one["filename"]: one for one in client.get(f"/jobs/{job['job_id']}/documents").json()["documents"]}
    assert {name: items[name]["error_code"] in codes for name, (_, codes) in BAD.items()} == dict.fromkeys(BAD, True)
    assert all(len(items[name]["error_message"]) > 5 for name in BAD)
    assert (items["report.txt"]["stage"], items["report.txt"]["error_code"]) == ("completed", None)
    assert (job["status"], job["failed_items"], job["processed_items"], job["progress"]) == ("completed", 4, 5, 1.0)
    assert found(client, "heron in disguise", mode="keyword")[0]["filename"] == "report.txt"


def test_a_job_of_one_bad_document_fails_and_can_be_tried_again(client: httpx.Client) -> None:
    files = {"file": ("cut.pdf", BAD["cut.pdf"][0])}
    told = client.post("/ingest/file", files=files).json()
    assert (told["success"], told["chunks_created"]) == (False, 0)
    path = f"/jobs/{told['job_id']}"
    job = client.get(path).json()
    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert "cut.pdf" in job["error_message"]
    assert client.get(f"/resource/ingest/status/{told['job_id']}").json()["status"] == "failed"
    for verb in ("cancel", "pause", "resume"):
        assert problem(client.post(f"{path}/{verb}"), 409)["job_id"] == told["job_id"]

    assert client.post(f"{path}/retry").json()["attempt"] == 2
    until(lambda: client.get(path).json()["status"] == "failed", 30, "the second attempt has ended")


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry"])
def test_a_job_that_has_succeeded_is_left_as_it_is(client: httpx.Client, ended: str, verb: str) -> None:
    assert problem(client.post(f"/jobs/{ended}/{verb}"), 409)["code"] == "wrong_state"
    problem(client.delete(f"/jobs/{ended}"), 409)


def test_the_numbers_of_jobs_add_up(client: httpx.Client, ended: str) -> None:
    stats = client.get("/jobs/stats").json()

    statuses = ("pending", "running", "completed", "failed", "cancelled", "paused")
    assert set(stats) == {"total_jobs", "total_chunks_created", *statuses}
    assert stats["total_jobs"] == sum(stats[name] for name in statuses)
    listed = client.get("/jobs", params={"status": "completed", "limit": 1000}).json()["jobs"]
    assert {job["status"] for job in listed} == {"completed"}
    assert ended in {job["job_id"] for job in listed}


def without_worker(folder: Path, requests: list[tuple[str, dict[str, Any]]], **limits: Any) -> list[httpx.Response]:
    """The answers of a server that nobody works for, so that jobs stay where they are."""
    application = Application(Settings(data_dir=folder, embedder="none", **limits))

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(application.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [await client.post(path, **sent) for path, sent in requests]

    try:
        return asyncio.run(ask())
    finally:
        application.close()


ACCEPTING = [(path, {name: sent[name] for name in sent}) for path, _, sent in ASYNC.values()]
ACCEPTING += [("/upload", {"json": {"documents": ["x"]}}), ("/resources/upload", {"files": FILE})]


def test_a_full_queue_takes_nothing_and_says_when_to_come_again(tmp_path: Path) -> None:
    first, *answers = without_worker(tmp_path, [ACCEPTING[0], *ACCEPTING], max_pending_jobs=1, min_free_disk_bytes=0)

    assert first.status_code == 202
    assert [problem(one, 429)["code"] for one in answers] == ["queue_full"] * len(ACCEPTING)
    assert {one.headers["retry-after"] for one in answers} == {"5"}


def test_a_full_disk_takes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    answers = without_worker(tmp_path, ACCEPTING, min_free_disk_bytes=10**18)

    assert [problem(one, 507)["code"] for one in answers] == ["disk_low"] * len(ACCEPTING)
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []
