"""The OpenAPI document: that of the routes, and the streams, which are served in front of them."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from headrace.model.errors import Busy, JobNotFound, MalformedCursor, NotAllowed, NotAuthenticated
from headrace.server.answers import describe, ref
from headrace.server.problems import documented

_AFTER = [
    {"name": "after", "in": "query", "required": False, "schema": {"type": "string"}, "description": "an event id"},
    {"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string"}},
    {"name": "ticket", "in": "query", "required": False, "schema": {"type": "string"}, "description": "POST /tickets"},
]
_FRAMES: dict[str, Any] = {
    "200": {
        "description": "Server-Sent Events, one frame each, unnamed; the first is a snapshot unless you resume",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_OVER = {"204": {"description": "the job has ended, and you have seen its last event"}}


def _stream(summary: str, parameters: list[dict[str, Any]], answers: dict[str, Any]) -> dict[str, Any]:
    return {
        "get": {
            "tags": ["streams"],
            "summary": summary,
            "description": f"{summary}. Frames and their order are in the AsyncAPI document.",
            "parameters": [*parameters, *_AFTER],
            "responses": _FRAMES | answers,
        }
    }


def _told(*errors: Any) -> dict[str, Any]:
    return {str(status): told for status, told in documented(*errors).items()}


_ALWAYS = _told(MalformedCursor, NotAuthenticated, NotAllowed, Busy)
_PAGED = [
    {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 1, "maximum": 1000}},
    {
        "name": "wait",
        "in": "query",
        "required": False,
        "schema": {"type": "number", "minimum": 0},
        "description": "JSON only: with `after`, answer when something is newer, or after so many seconds",
    },
]
_SESSION = {"name": "session_id", "in": "path", "required": True, "schema": {"type": "string"}}

STREAMS = {
    "/api/ingest/stream/{session_id}": _stream(
        "A job's events, live", [_SESSION], _ALWAYS | _OVER | _told(JobNotFound)
    ),
    "/events": _stream(
        "The events of all your jobs, live; or, where JSON is accepted, a page of them", _PAGED, _ALWAYS
    ),
}
STREAMS["/events"]["get"]["responses"]["200"] = _FRAMES["200"] | {
    "content": _FRAMES["200"]["content"] | {"application/json": {"schema": ref("EventPage")}}
}


def with_streams(api: FastAPI) -> Callable[[], dict[str, Any]]:
    """What `api.openapi` is to be."""
    routes = api.openapi

    def document() -> dict[str, Any]:
        made = routes()
        made["paths"].update(STREAMS)
        describe(made)
        return made

    return document
