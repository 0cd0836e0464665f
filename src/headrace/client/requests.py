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


def delete(path: str) -> Request:
    """The end of something."""
    return Request(method="DELETE", path=path)


def submit_text(text: str, collection_name: str | None, metadata: Metadata, key: str | None, *, wait: bool) -> Request:
    """One text, one job."""
    body = _filled(text_content=text, collection_name=collection_name, metadata=metadata)
    return Request(method="POST", path="/ingest/text" if wait else "/ingest/text/async", json=body, headers=_once(key))


def submit_files(
    parts: Sequence[Part], collection_name: str | None, metadata: Metadata, key: str | None, *, wait: bool, **said: bool
) -> Request:
    """Several files, one job; of what is `said`, only what is so is sent."""
    form = _filled(collection_name=collection_name, metadata=None if metadata is None else json.dumps(metadata))
    form |= {name: "true" for name, is_so in said.items() if is_so}
    path = "/ingest/file" if wait else "/ingest/async"
    return Request(method="POST", path=path, form=form, files=parts, headers=_once(key))


def submit_batch(
    messages: Sequence[str | Mapping[str, Any]],
    collection_name: str | None,
    metadata: Metadata,
    key: str | None,
    *,
    wait: bool,
) -> Request:
    """Many short texts, one job."""
    told = [{"text": message} if isinstance(message, str) else dict(message) for message in messages]
    body = _filled(messages=told, collection_name=collection_name, metadata=metadata)
    params = {"sync": "true"} if wait else {}
    return Request(method="POST", path="/ingest/batch", params=params, json=body, headers=_once(key))


def upload(
    documents: Sequence[str | Mapping[str, Any]], collection_name: str | None, key: str | None, **said: bool
) -> Request:
    """Documents in one JSON body."""
    body = _filled(collection_name=collection_name, documents=list(documents), **said)
    return Request(method="POST", path="/upload", json=body, headers=_once(key))


def ingest_document(document_id: str, *, force: bool) -> Request:
    """A new job on a document that is there."""
    return Request(method="POST", path=f"/resource/ingest/{_id(document_id)}", json={"force": force})


def job(job_id: str, part: Literal["", "/documents"] = "", **params: object) -> Request:
    """A job, or a list below it."""
    return get(f"/jobs/{_id(job_id)}{part}", **params)


def job_events(job_id: str, after: str | None, limit: int | None) -> Request:
    """A page of a job's log."""
    params = _told({"after": after, "limit": limit})
    return Request(method="GET", path=stream_path(job_id), params=params, headers={"Accept": "application/json"})


def change_job(job_id: str, verb: Literal["cancel", "retry", "pause", "resume"]) -> Request:
    """A move of a job; 409 when it is not in a state for it."""
    return Request(method="POST", path=f"/jobs/{_id(job_id)}/{verb}")


def document(document_id: str, part: Literal["", "/status"] = "") -> str:
    """Where a document is, or what is below it."""
    return f"/documents/{_id(document_id)}{part}"


def report_document(document_id: str, **report: Any) -> Request:
    """Where a document stands, from somebody who works on it elsewhere."""
    return Request(method="POST", path=document(document_id, "/status"), json=_filled(**report))


def workspace(workspace_id: str, part: Literal["", "/webhook", "/webhook/deliveries"] = "") -> str:
    """Where a workspace is, or what is below it."""
    return f"/workspaces/{_id(workspace_id)}{part}"


def create_workspace(name: str, rag_config: Metadata) -> Request:
    """A new workspace; its provisioning is a job."""
    return Request(method="POST", path="/workspaces", json=_filled(name=name, rag_config=rag_config))


def change_workspace(workspace_id: str, name: str | None, rag_config: Metadata) -> Request:
    """New settings of a workspace."""
    body = _filled(name=name, rag_config=rag_config)
    return Request(method="PATCH", path=workspace(workspace_id), json=body)


def set_default_rag_config(rag_config: Mapping[str, Any]) -> Request:
    """New settings of the workspaces that set nothing themselves."""
    return Request(method="PUT", path="/rag-config/default", json=dict(rag_config))


def set_webhook(workspace_id: str, url: str, types: Sequence[str] | None, secret: str | None) -> Request:
    """Where a workspace's events are posted."""
    body = _filled(url=url, types=None if types is None else list(types), secret=secret)
    return Request(method="PUT", path=workspace(workspace_id, "/webhook"), json=body)


def create_ticket(job_id: str | None) -> Request:
    """A way into a stream where no header can be sent."""
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
