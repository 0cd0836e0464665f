"""Every verb of the API, written once: an answer is an object at once, or one to be awaited."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx

from headrace.client import requests
from headrace.client.files import Sendable, parts
from headrace.client.requests import Metadata, Request

Answer = TypeVar("Answer")
Json: TypeAlias = dict[str, Any]

DEFAULT_URL = "http://127.0.0.1:8011"
TIMEOUT_SECONDS = 300.0
CONNECT_SECONDS = 10.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Verbs(ABC, Generic[Answer]):
    """What both clients can do. Each verb answers with the JSON object of contract 3.

    Raises:
        ServerUnreachable: nothing answers, or the connection broke.
        HeadraceError: the server refused; the class says why.
    """

    @abstractmethod
    def _send(self, request: Request) -> Answer:
        """Do the call and read the answer."""

    def submit_text(
        self,
        text: str,
        *,
        collection_name: str | None = None,
        metadata: Metadata = None,
        key: str | None = None,
        sync: bool = False,
    ) -> Answer:
        """Submit one text. The same `key` (Idempotency-Key) with the same body gives the same job.

        The answer is the job's, at once; with `sync` it comes when the job has ended and says what became of it:
        `{success, chunks_created, job_id, document_ids, ...}`. After 300 seconds without an answer it is given up
        with ServerUnreachable, and the job goes on: sent again with the same `key`, it is waited for again.
        """
        return self._send(requests.submit_text(text, collection_name, metadata, key, sync=sync))

    def submit_files(
        self,
        files: Iterable[Sendable],
        *,
        collection_name: str | None = None,
        metadata: Metadata = None,
        key: str | None = None,
        replace: bool = False,
        force: bool = False,
        sync: bool = False,
    ) -> Answer:
        """Submit files as one job: paths, or `(filename, binary file or bytes)`. They are streamed.

        With `replace` a file that came before under the same name is the same document's older version; with `force`
        one that is there already, unchanged, is ingested all the same. `sync` is as for a text.
        """
        said = {"replace": replace, "force": force, "sync": sync}
        return self._send(requests.submit_files(parts(files), collection_name, metadata, key, **said))

    def submit_batch(
        self,
        messages: Sequence[str | Mapping[str, Any]],
        *,
        collection_name: str | None = None,
        metadata: Metadata = None,
        key: str | None = None,
        sync: bool = False,
    ) -> Answer:
        """Submit many short texts as one job: strings, or `{text, metadata}`. `sync` is as for a text."""
        return self._send(requests.submit_batch(messages, collection_name, metadata, key, sync=sync))

    def upload(
        self,
        documents: Sequence[str | Mapping[str, Any]],
        *,
        collection_name: str | None = None,
        force_recreate: bool = False,
        key: str | None = None,
        replace: bool = False,
        force: bool = False,
    ) -> Answer:
        """Send documents in one body; with `force_recreate` they replace what the collection holds.

        `replace` and `force` are as for files.
        """
        said = {"force_recreate": force_recreate, "replace": replace, "force": force}
        return self._send(requests.upload(documents, collection_name, key, **said))

    def ingest_document(self, document_id: str, *, force: bool = False, key: str | None = None) -> Answer:
        """Ingest a document again, as a new job."""
        return self._send(requests.ingest_document(document_id, key, force=force))

    def ingest_status(self, job_id: str) -> Answer:
        """A job in the words of a queue: queued, started, finished, failed, canceled."""
        return self._send(requests.ingest_status(job_id))

    def get_job(self, job_id: str, *, after: str | None = None, wait_seconds: float | None = None) -> Answer:
        """The job now; with `after` and `wait_seconds`, once something newer than that event exists."""
        return self._send(requests.job(job_id, after=after, wait=wait_seconds))

    def list_jobs(self, *, status: str | None = None, limit: int | None = None, cursor: str | None = None) -> Answer:
        """`{jobs, next_cursor}`, newest first."""
        return self._send(requests.get("/jobs", status=status, limit=limit, cursor=cursor))

    def job_documents(self, job_id: str, *, limit: int | None = None, cursor: str | None = None) -> Answer:
        """`{documents, next_cursor}`: each item's stage, status, counts and error."""
        return self._send(requests.job(job_id, "/documents", limit=limit, cursor=cursor))

    def list_events(
        self,
        job_id: str | None = None,
        *,
        after: str | None = None,
        limit: int | None = None,
        wait_seconds: float | None = None,
    ) -> Answer:
        """`{events, next_cursor}` after an event id; without one from the job's first event on.

        Without `job_id` of everything that is the user's, where no `after` gives the snapshot to begin with. With
        `wait_seconds` an empty page is held back until there is something. `follow` is the easy way.
        """
        return self._send(requests.events(job_id, after=after, limit=limit, wait=wait_seconds))

    def stats(self) -> Answer:
        """How many jobs stand where."""
        return self._send(requests.get("/jobs/stats"))

    def cancel(self, job_id: str) -> Answer:
        """Cancel a job; decided when this returns."""
        return self._send(requests.change_job(job_id, "cancel"))

    def retry(self, job_id: str) -> Answer:
        """Try again what failed, in the same job and log."""
        return self._send(requests.change_job(job_id, "retry"))

    def pause(self, job_id: str) -> Answer:
        """Hold a job; what is saved stays saved."""
        return self._send(requests.change_job(job_id, "pause"))

    def resume(self, job_id: str) -> Answer:
        """Let a paused job go on."""
        return self._send(requests.change_job(job_id, "resume"))

    def list_documents(self, *, limit: int | None = None, cursor: str | None = None, **filters: object) -> Answer:
        """`{documents, next_cursor}`, newest first."""
        return self._send(requests.get("/documents", limit=limit, cursor=cursor, **filters))

    def get_document(self, document_id: str) -> Answer:
        """One document."""
        return self._send(requests.document(document_id))

    def delete_document(self, document_id: str) -> Answer:
        """Take a document out of the index and delete its bytes."""
        return self._send(requests.document(document_id, "DELETE"))

    def report_document(
        self,
        document_id: str,
        status: Literal["pending", "processing", "ready", "failed"],
        *,
        error: str | None = None,
        chunk_count: int | None = None,
        metadata: Metadata = None,
    ) -> Answer:
        """Say where a document stands that is worked on elsewhere: every watcher is told. `metadata` is merged."""
        told = {"status": status, "error": error, "chunk_count": chunk_count, "metadata": metadata}
        return self._send(requests.report_document(document_id, **told))

    def list_resources(self, *, limit: int | None = None, cursor: str | None = None) -> Answer:
        """`{resources, next_cursor}`: the documents under camelCase names, newest first."""
        return self._send(requests.get("/resources", limit=limit, cursor=cursor))

    def get_resource(self, document_id: str) -> Answer:
        """One document under camelCase names."""
        return self._send(requests.resource(document_id))

    def upload_resources(
        self,
        files: Iterable[Sendable],
        *,
        collection_name: str | None = None,
        metadata: Metadata = None,
        ingest: bool | None = None,
        key: str | None = None,
    ) -> Answer:
        """Keep files: the first as a resource, and all in `resources`.

        They are ingested as one job, `jobId`, unless `ingest` is False; None leaves it to the server's setting. A `key`
        needs a job to belong to.
        """
        return self._send(requests.upload_resources(parts(files), collection_name, metadata, key, ingest=ingest))

    def list_workspaces(self, *, limit: int | None = None, cursor: str | None = None) -> Answer:
        """`{workspaces, next_cursor}`."""
        return self._send(requests.get("/workspaces", limit=limit, cursor=cursor))

    def create_workspace(self, name: str, *, rag_config: Metadata = None) -> Answer:
        """Make a workspace; it is provisioned by a job."""
        return self._send(requests.create_workspace(name, rag_config))

    def change_workspace(self, workspace: str, *, name: str | None = None, rag_config: Metadata = None) -> Answer:
        """Rename a workspace or change its settings; `job_id` is the job that another embedder needs, or null."""
        return self._send(requests.change_workspace(workspace, name, rag_config))

    def get_workspace(self, workspace: str) -> Answer:
        """One workspace, by its id or its name."""
        return self._send(requests.workspace(workspace))

    def delete_workspace(self, workspace: str) -> Answer:
        """Forget a workspace and all that is in it: at once for readers, cleared away by the job that is answered."""
        return self._send(requests.workspace(workspace, "DELETE"))

    def set_webhook(
        self, workspace: str, url: str, *, types: Sequence[str] | None = None, secret: str | None = None
    ) -> Answer:
        """Have a workspace's events posted to `url` from now on; the answer shows a new `secret`, once."""
        return self._send(requests.set_webhook(workspace, url, types, secret))

    def get_webhook(self, workspace: str) -> Answer:
        """A workspace's webhook, without its secret."""
        return self._send(requests.webhook(workspace))

    def delete_webhook(self, workspace: str) -> Answer:
        """Post nothing more, not even what is still to be delivered."""
        return self._send(requests.webhook(workspace, "DELETE"))

    def webhook_deliveries(self, workspace: str, *, limit: int | None = None, cursor: str | None = None) -> Answer:
        """`{deliveries, next_cursor}`: how each event's delivery goes, newest first."""
        return self._send(requests.webhook_deliveries(workspace, limit=limit, cursor=cursor))

    def default_rag_config(self) -> Answer:
        """The settings of your workspaces where they set nothing themselves."""
        return self._send(requests.get("/rag-config/default"))

    def set_default_rag_config(self, rag_config: Mapping[str, Any]) -> Answer:
        """Replace the defaults; what is left out is the product's own default again."""
        return self._send(requests.set_default_rag_config(rag_config))

    def create_ticket(self, job_id: str | None = None) -> Answer:
        """`{ticket, expires_at}`: opens one stream once by `?ticket=`; with `job_id` that job's and no other."""
        return self._send(requests.create_ticket(job_id))

    def begin_task(self, task: Mapping[str, Any]) -> Answer:
        """A task of your own as a job: `{title, total, lease_seconds, metadata}`; `headrace.track` is the easy way."""
        return self._send(requests.begin_task(task))

    def advance_task(self, job_id: str, news: Mapping[str, Any]) -> Answer:
        """Report `{count, total, message}` on a task; a Conflict says that it has ended or was cancelled."""
        return self._send(requests.report_task(job_id, "advance", news))

    def finish_task(self, job_id: str, end: Mapping[str, Any]) -> Answer:
        """A task is done; or failed, with `{error}`."""
        return self._send(requests.report_task(job_id, "finish", end))

    def query(
        self,
        text: str,
        *,
        mode: Literal["hybrid", "vector", "keyword"] | None = None,
        top_k: int | None = None,
        workspace: str | None = None,
        **narrowed: object,
    ) -> Answer:
        """`{results, took_ms, next_cursor}`, best first.

        Narrowed by `document_ids`, by `filters` on metadata (`{"year": {"gte": 1900}}`), and by time: `created_at`,
        `updated_at` and `dated`, each `{"from": ..., "to": ...}`. `cursor` is the `next_cursor` of the page before.
        """
        return self._send(requests.query(text, mode=mode, top_k=top_k, workspace=workspace, **narrowed))

    def neighbours(self, chunk_id: str, *, before: int = 1, after: int = 1) -> Answer:
        """`{chunks}`: a passage with those around it in its document."""
        return self._send(requests.neighbours(chunk_id, before=before, after=after))

    def document_text(
        self,
        document_id: str,
        *,
        start: int | None = None,
        length: int | None = None,
        chunk_id: str | None = None,
        around: int | None = None,
    ) -> Answer:
        """`{text, start, end, total_characters, passages, offsets}`: so much from `start` on, or around a passage."""
        where = {"start": start, "length": length, "chunk_id": chunk_id, "around": around}
        return self._send(requests.document_text(document_id, **where))

    def health(self) -> Answer:
        """Whether the server is alive (`/healthz`)."""
        return self._send(requests.get("/healthz"))

    def list_workers(self) -> Answer:
        """`{workers}`: those that are there, and what each has in hand."""
        return self._send(requests.get("/workers"))

    def ready(self) -> Answer:
        """Whether the server takes work (`/readyz`); `Busy` while it does not."""
        return self._send(requests.get("/readyz"))


def http_options(url: str, token: str | None) -> dict[str, Any]:
    """The arguments of both httpx clients. A server on this machine is never asked through a proxy.

    Raises:
        ValueError: the URL or the token can never be one.
    """
    if not _is_server(url):
        raise ValueError(f"{url!r} is not a server's URL; it begins with http:// or https://, then its name")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise ValueError("the token has characters in it that no token has")
    return {
        "base_url": url,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "timeout": httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
        "trust_env": urlsplit(url).hostname not in _LOOPBACK,
    }


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
