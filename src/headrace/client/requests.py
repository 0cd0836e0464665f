"""Each verb of the API as a request: what to send, not how. Nothing here touches the network."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

Metadata: TypeAlias = Mapping[str, Any] | None
Part: TypeAlias = tuple[str, Any]
"""A multipart field: its name, and `(filename, file object or bytes)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call. `json` and `form` exclude each other; `files` makes the form a multipart one."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Part] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """The arguments that `httpx.Client.request` and its asynchronous sister take alike."""
        body: dict[str, Any] = {"json": self.json} if self.json is not None else {}
        if self.form or self.files:
            body = {"data": dict(self.form), "files": list(self.files) or None}
        return {"params": dict(self.params), "headers": dict(self.headers), **body}


def get(path: str, **params: object) -> Request:
    """A question; parameters that are None are left out."""
    return Request(method="GET", path=path, params=_told(params))


def submit_text(text: str, collection_name: str | None, metadata: Metadata, key: str | None, *, sync: bool) -> Request:
    """One text, one job."""
    body = _filled(text_content=text, collection_name=collection_name, metadata=metadata)
    return Request(method="POST", path="/ingest/text" if sync else "/ingest/text/async", json=body, headers=_once(key))


def submit_files(
    parts: Sequence[Part], collection_name: str | None, metadata: Metadata, key: str | None, **said: bool
) -> Request:
    """Several files, one job; of what is `said`, only what is so is sent."""
    form = _about(collection_name, metadata) | {name: "true" for name, is_so in said.items() if is_so}
    return Request(method="POST", path="/ingest", form=form, files=parts, headers=_once(key))


def submit_batch(
    messages: Sequence[str | Mapping[str, Any]],
    collection_name: str | None,
    metadata: Metadata,
    key: str | None,
    *,
    sync: bool,
) -> Request:
    """Many short texts, one job."""
    told = [{"text": message} if isinstance(message, str) else dict(message) for message in messages]
    body = _filled(messages=told, collection_name=collection_name, metadata=metadata)
    path = "/ingest/batch"
    return Request(method="POST", path=path, params={"sync": "true"} if sync else {}, json=body, headers=_once(key))


def upload(
    documents: Sequence[str | Mapping[str, Any]], collection_name: str | None, key: str | None, **said: bool
) -> Request:
    """Documents in one JSON body."""
    body = _filled(collection_name=collection_name, documents=list(documents), **said)
    return Request(method="POST", path="/upload", json=body, headers=_once(key))


def ingest_document(document_id: str, key: str | None, *, force: bool) -> Request:
    """A new job on a document that is there."""
    path = f"/resource/ingest/{_id(document_id)}"
    return Request(method="POST", path=path, json={"force": force}, headers=_once(key))


def ingest_status(job_id: str) -> Request:
    """A job in the words of a queue."""
    return get(f"/resource/ingest/status/{_id(job_id)}")


def job(job_id: str, part: Literal["", "/documents"] = "", **params: object) -> Request:
    """A job, or a list below it."""
    return get(f"/jobs/{_id(job_id)}{part}", **params)


def change_job(job_id: str, verb: Literal["cancel", "retry", "pause", "resume"]) -> Request:
    """A move of a job; 409 when it is not in a state for it."""
    return Request(method="POST", path=f"/jobs/{_id(job_id)}/{verb}")


def events(job_id: str | None, **params: object) -> Request:
    """A page of the events of a job, or of the user."""
    return Request(method="GET", path=stream_path(job_id), params=_told(params), headers={"Accept": "application/json"})


def document(document_id: str, method: Literal["GET", "DELETE"] = "GET") -> Request:
    """A document, or its end."""
    return Request(method=method, path=f"/documents/{_id(document_id)}")


def report_document(document_id: str, **report: object) -> Request:
    """Where a document stands, as an outside worker says."""
    return Request(method="POST", path=f"/documents/{_id(document_id)}/status", json=_filled(**report))


def resource(document_id: str) -> Request:
    """A document under camelCase names."""
    return get(f"/resources/{_id(document_id)}")


def upload_resources(
    parts: Sequence[Part], collection_name: str | None, metadata: Metadata, key: str | None, *, ingest: bool | None
) -> Request:
    """Files to be kept, and ingested where that is asked for or usual."""
    params = {} if ingest is None else {"ingest": str(ingest).lower()}
    form = _about(collection_name, metadata)
    return Request(method="POST", path="/resources/upload", params=params, form=form, files=parts, headers=_once(key))


def create_workspace(name: str, rag_config: Metadata) -> Request:
    """A new workspace; its provisioning is a job."""
    return Request(method="POST", path="/workspaces", json=_filled(name=name, rag_config=rag_config))


def workspace(workspace: str, method: Literal["GET", "DELETE"] = "GET") -> Request:
    """A workspace, or its end."""
    return Request(method=method, path=f"/workspaces/{_id(workspace)}")


def change_workspace(workspace: str, name: str | None, rag_config: Metadata) -> Request:
    """New settings of a workspace."""
    body = _filled(name=name, rag_config=rag_config)
    return Request(method="PATCH", path=f"/workspaces/{_id(workspace)}", json=body)


def webhook(workspace: str, method: Literal["GET", "DELETE"] = "GET") -> Request:
    """Where a workspace's events are posted, or the end of that."""
    return Request(method=method, path=_webhook(workspace))


def set_webhook(workspace: str, url: str, types: Sequence[str] | None, secret: str | None) -> Request:
    """Where a workspace's events are to be posted."""
    body = _filled(url=url, types=None if types is None else list(types), secret=secret)
    return Request(method="PUT", path=_webhook(workspace), json=body)


def webhook_deliveries(workspace: str, **params: object) -> Request:
    """How they were received there."""
    return get(f"{_webhook(workspace)}/deliveries", **params)


def set_default_rag_config(rag_config: Mapping[str, Any]) -> Request:
    """The settings of all workspaces that set nothing themselves."""
    return Request(method="PUT", path="/rag-config/default", json=dict(rag_config))


def create_ticket(job_id: str | None) -> Request:
    """What opens one stream once."""
    return Request(method="POST", path="/tickets", json=_filled(job_id=job_id))


def query(text: str, **options: object) -> Request:
    """The passages that answer a text; options that are None are left to the server."""
    return Request(method="POST", path="/query", json={"query": text, **_filled(**options)})


def neighbours(chunk_id: str, *, before: int, after: int) -> Request:
    """A passage and those around it."""
    return get(f"/chunks/{_id(chunk_id)}/neighbours", before=before, after=after)


def document_text(document_id: str, **where: object) -> Request:
    """A part of a document's text."""
    return get(f"/documents/{_id(document_id)}/text", **_filled(**where))


def stream_path(job_id: str | None) -> str:
    """Where the events of a job are, or all of the user's."""
    return "/events" if job_id is None else f"/jobs/{_id(job_id)}/events"


def _webhook(workspace: str) -> str:
    return f"/workspaces/{_id(workspace)}/webhook"


def _about(collection_name: str | None, metadata: Metadata) -> dict[str, str]:
    """The fields of a form that say where its files belong and what is known of them."""
    return _filled(collection_name=collection_name, metadata=None if metadata is None else json.dumps(metadata))


def _filled(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _told(params: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if value is not None}


def _once(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def _id(text: str) -> str:
    return quote(text, safe="")


def begin_task(task: Mapping[str, Any]) -> Request:
    """Start to report on a task."""
    return Request(method="POST", path="/tasks", json=_filled(**task))


def report_task(job_id: str, verb: Literal["advance", "finish"], body: Mapping[str, Any]) -> Request:
    """Report on a task."""
    return Request(method="POST", path=f"/tasks/{_id(job_id)}/{verb}", json=_filled(**body))
