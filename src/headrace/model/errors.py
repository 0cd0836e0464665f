"""Everything that can go wrong and be told to a client: one class, one code, one HTTP status each.

HeadraceError
├── BadRequest 400        MalformedBody, MalformedCursor
├── NotAuthenticated 401  · NotAllowed 403
├── NotFound 404          JobNotFound, DocumentNotFound, ChunkNotFound, WorkspaceNotFound, WebhookNotFound
├── Conflict 409          WrongState, KeyReused, NameTaken
├── TooLarge 413          · UnsupportedType 415  · InvalidField 422
├── TooSlow 408           · HeadTooLarge 431
├── QueueFull 429         · TooManyRequests 429  · TooManyUploads 429    · TooManyStreams 429
├── Busy 503              · DiskLow 507
├── DocumentError         a document's own failure; ends that document, never the job or the process
├── ModelChanged          vectors in hand are of a model that the workspace has no more; never shown
└── Superseded            the writer has lost its job to a cancel, a pause or another worker; never shown
"""

from collections.abc import Mapping, Sequence


class HeadraceError(Exception):
    """The root. `code` is stable; clients switch on it."""

    code = "internal"
    status = 500
    title = "internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def data(self) -> Mapping[str, object]:
        """Members of the problem beside those that every problem has."""
        return {}


class BadRequest(HeadraceError):
    """The request cannot be understood."""

    code, status, title = "bad_request", 400, "malformed request"


class MalformedBody(BadRequest):
    """A body or a form field that does not parse."""

    code = "malformed_body"


class MalformedCursor(BadRequest):
    """A position that no log of ours ever gave out."""

    code = "malformed_cursor"

    def __init__(self, text: str, kind: str = "an event id") -> None:
        super().__init__(f"{text[:80]!r} is not {kind}; send one back as it was received")


class NotAuthenticated(HeadraceError):
    """No valid token came with the request."""

    code, status, title = "not_authenticated", 401, "not authenticated"


class NotAllowed(HeadraceError):
    """The request comes from where it may not, or asks for more than its sender may do."""

    code, status, title = "not_allowed", 403, "not allowed"


class NotFound(HeadraceError):
    """There is no such thing, or it belongs to someone else: the answers are alike."""

    code, status, title = "not_found", 404, "not found"


class JobNotFound(NotFound):
    """No job of this user has that id."""

    code = "job_not_found"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job with id {job_id[:80]!r}")


class DocumentNotFound(NotFound):
    """No document of this user has that id."""

    code = "document_not_found"

    def __init__(self, document_id: str) -> None:
        super().__init__(f"no document with id {document_id[:80]!r}")


class WorkspaceNotFound(NotFound):
    """No workspace of this user has that id or name."""

    code = "workspace_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"no workspace {name[:80]!r}")


class ChunkNotFound(NotFound):
    """No passage that this user can search has that id."""

    code = "chunk_not_found"

    def __init__(self, chunk_id: str) -> None:
        super().__init__(f"no chunk with id {chunk_id[:80]!r}; ids change when a document is ingested again")


class WebhookNotFound(NotFound):
    """The workspace has no webhook."""

    code = "webhook_not_found"

    def __init__(self, workspace: str) -> None:
        super().__init__(f"the workspace {workspace[:80]!r} has no webhook")


class Conflict(HeadraceError):
    """The thing is not in a state that allows this."""

    code, status, title = "conflict", 409, "conflict"


class WrongState(Conflict):
    """A job that cannot be cancelled, paused, resumed or retried as it stands."""

    code = "wrong_state"

    def __init__(self, job_id: str, status: str, verb: str, *, reason: str | None = None) -> None:
        super().__init__(f"job {job_id!r} is {status}: {reason or f'there is nothing to {verb}'}")
        self.job_id = job_id

    @property
    def data(self) -> Mapping[str, object]:
        """The job meant."""
        return {"job_id": self.job_id}


class KeyReused(Conflict):
    """An `Idempotency-Key` that came before with another body."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        super().__init__(f"the Idempotency-Key {key[:80]!r} was used with another body; choose a new one")


class NameTaken(Conflict):
    """Another workspace of the user has that name."""

    code = "name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a workspace {name[:80]!r} already")


class TooLarge(HeadraceError):
    """Something exceeds a limit that the operator has set."""

    code, status, title = "too_large", 413, "too large"


class UnsupportedType(HeadraceError):
    """The content is of no type that can be read."""

    code, status, title = "unsupported_type", 415, "unsupported content type"


class TooSlow(HeadraceError):
    """The request takes longer to arrive than the operator waits."""

    code, status, title = "too_slow", 408, "too slow"


class HeadTooLarge(HeadraceError):
    """The URL and the headers of a request are longer than the operator allows."""

    code, status, title = "head_too_large", 431, "request head too large"


class InvalidField(HeadraceError):
    """A field that parses but cannot be meant; every one is named in `errors`."""

    code, status, title = "invalid_field", 422, "invalid field"

    def __init__(self, detail: str, errors: Sequence[Mapping[str, str]]) -> None:
        super().__init__(detail)
        self.errors = list(errors)

    @classmethod
    def single(cls, field: str, message: str) -> "InvalidField":
        """The common case: one field, one message."""
        return cls(f"{field}: {message}", [{"field": field, "message": message}])

    @property
    def data(self) -> Mapping[str, object]:
        """One `{field, message}` for each field."""
        return {"errors": self.errors}


class Unavailable(HeadraceError):
    """The server cannot take this now; `retry_after_seconds` says when to come again."""

    retry_after_seconds = 1


class QueueFull(Unavailable):
    """Too many jobs wait already."""

    code, status, title = "queue_full", 429, "queue full"
    retry_after_seconds = 5


class TooManyRequests(Unavailable):
    """More requests in a short time than one user may make, or more wrong tokens than one address."""

    code, status, title = "too_many_requests", 429, "too many requests"

    def __init__(self, detail: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class TooManyUploads(Unavailable):
    """More bodies are coming in at once than the operator allows."""

    code, status, title = "too_many_uploads", 429, "too many uploads at once"
    retry_after_seconds = 2


class TooManyStreams(Unavailable):
    """More streams are open than the operator allows."""

    code, status, title = "too_many_streams", 429, "too many open streams"
    retry_after_seconds = 5


class Busy(Unavailable):
    """The server is starting, stopping, or waiting for its database."""

    code, status, title = "busy", 503, "busy"


class DiskLow(Unavailable):
    """Less disk is free than the operator wants to keep."""

    code, status, title = "disk_low", 507, "disk low"
    retry_after_seconds = 60


class DocumentError(HeadraceError):
    """A document cannot be ingested. `detail` is a sentence for the person who sent it.

    `code` is one of: corrupt, encrypted, empty, unsupported_type, too_large, timeout, out_of_memory, parser_crashed,
    embedding_failed, budget_spent, worker_died.
    """

    title = "document failed"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class ModelChanged(HeadraceError):
    """The vectors of a workspace were made anew with another model: those in hand are of the old one; never shown."""

    code = "model_changed"


class Superseded(HeadraceError):
    """The job was cancelled or paused, or another worker has taken it: this writer may write nothing more."""

    code = "superseded"
