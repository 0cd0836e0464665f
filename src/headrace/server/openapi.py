"""The OpenAPI document: that of the routes, and the streams, which are served in front of them."""

from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import FastAPI

from headrace.model.errors import (
    BadRequest,
    Busy,
    HeadraceError,
    InvalidField,
    JobNotFound,
    MalformedCursor,
    NotAllowed,
    NotAuthenticated,
    TooLarge,
    TooManyStreams,
    TooSlow,
)
from headrace.server.answers import describe
from headrace.server.problems import documented

Operation = dict[str, Any]

_RESUMED = [
    {
        "name": "Last-Event-ID",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "of a stream: as `after`, which it takes the place of when an EventSource comes back",
    },
    {
        "name": "ticket",
        "in": "query",
        "required": False,
        "schema": {"type": "string"},
        "description": "of a stream: from POST /tickets, where no Authorization can be sent",
    },
]
_AFTER = {
    "name": "after",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
    "description": "an event id",
}
_SESSION = {"name": "session_id", "in": "path", "required": True, "schema": {"type": "string"}}
_EVENT_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}
_FRAMES = {
    "description": "Server-Sent Events, one frame each, unnamed; the first is a snapshot unless you resume",
    "content": _EVENT_STREAM,
}
_OVER = {"description": "the job has ended, and you have seen its last event"}
_STREAMING = (MalformedCursor, NotAuthenticated, NotAllowed, TooManyStreams, Busy)
_BODY = (BadRequest, TooSlow, TooLarge, InvalidField, Busy)
"""What may be wrong with any body."""


def _told(*errors: type[HeadraceError]) -> dict[str, Any]:
    return {str(status): told for status, told in documented(*errors).items()}


_JOB_STREAM: Operation = {
    "tags": ["streams"],
    "summary": "A job's events, live",
    "description": "A job's events, live. Frames and their order are in the AsyncAPI document.",
    "parameters": [_SESSION, _AFTER, *_RESUMED],
    "responses": {"200": _FRAMES, "204": _OVER} | _told(*_STREAMING, JobNotFound),
}


def with_streams(api: FastAPI) -> Callable[[], dict[str, Any]]:
    """What `api.openapi` is to be."""
    routes = api.openapi

    @cache
    def document() -> dict[str, Any]:
        made = routes()
        paths = made["paths"]
        paths["/api/ingest/stream/{session_id}"] = {"get": _JOB_STREAM}
        describe(made)
        for path in ("/jobs/{job_id}/events", "/events"):
            _add_stream(paths[path]["get"])
        paths["/jobs/{job_id}/events"]["get"]["responses"]["204"] = _OVER
        for operations in paths.values():
            for operation in operations.values():
                _tell_what_is_refused(operation)
        for name in ("HTTPValidationError", "ValidationError"):
            made["components"]["schemas"].pop(name, None)
        return made

    return document


def _add_stream(operation: Operation) -> None:
    """A page of events, where JSON is accepted, is a stream of them elsewhere."""
    operation["parameters"] = [*operation["parameters"], *_RESUMED]
    answers = operation["responses"]
    answers["200"] = _FRAMES | {"content": _EVENT_STREAM | answers["200"]["content"]}
    answers.update(_told(*_STREAMING) | answers)


def _tell_what_is_refused(operation: Operation) -> None:
    """The errors of bodies and parameters as they are answered, in place of those that the framework would answer.

    An id in a path is any text, so it is never an invalid field.
    """
    answers = operation["responses"]
    if "application/json" in answers.get("422", {}).get("content", {}):
        del answers["422"]
        if any(one["in"] == "query" for one in operation.get("parameters", [])):
            answers.update(_told(InvalidField))
    if "requestBody" in operation:
        operation["responses"] = _told(*_BODY) | answers
