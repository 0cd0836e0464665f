"""Errors as `application/problem+json` (RFC 9457): never a traceback, a path or SQL."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from headrace.model.errors import HeadraceError, InvalidField, MalformedBody, NotAuthenticated, TooSlow, Unavailable
from headrace.server.bodies import KINDS
from headrace.server.methods import methods_at
from headrace.telemetry import logs

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
INTERNAL = "something went wrong on the server; its log has the details"

TITLES = {404: ("not_found", "not found"), 405: ("method_not_allowed", "method not allowed")}


class Problem(HeadraceError):
    """An HTTP error of the framework's, in our words."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code, self.title = TITLES.get(status, (f"http_{status}", detail.lower()))


def respond(error: HeadraceError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer that tells of an error."""
    body: dict[str, Any] = {
        "type": f"urn:headrace:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        **error.data,
    }
    if (request_id := logs.request_id.get()) is not None:
        body["request_id"] = request_id
    sent = dict(headers or {})
    if isinstance(error, Unavailable):
        sent["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, NotAuthenticated):
        sent["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooSlow):  # where the next request would begin, nobody knows
        sent["Connection"] = "close"
    return JSONResponse(body, error.status, headers=sent, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every error of `app` be told as a problem."""
    app.add_exception_handler(HeadraceError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HeadraceError)  # noqa: S101
    if error.status >= 500 and not isinstance(error, Unavailable):
        return await _unexpected(_request, error)
    return respond(error)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return respond(validation_problem(error.errors()))


def validation_problem(found: Sequence[Mapping[str, Any]]) -> HeadraceError:
    """What pydantic found, as one of our errors: 400 where the JSON does not parse, else 422 with each field."""
    if any(one["type"] == "json_invalid" for one in found):
        return MalformedBody(f"the body is not JSON: {found[0].get('ctx', {}).get('error', found[0]['msg'])}")
    errors = [{"field": _field(one["loc"]), "message": str(one["msg"])} for one in found]
    named = "; ".join(f"{one['field']}: {one['message']}" for one in errors[:5])
    return InvalidField(named, errors)


def _field(location: Sequence[object]) -> str:
    """A field by its path in what was sent, without the part of the request that it is in and what pydantic adds."""
    inner = location[1:] if location and location[0] in ("body", "query", "path", "header") else location
    return ".".join(part for part in map(str, inner) if part not in KINDS) or "body"


async def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    if isinstance(error.__cause__, HeadraceError):  # raised while the body was being read
        return respond(error.__cause__)
    if error.status_code in (404, 405):
        routes = getattr(request.app.state, "routes", request.app.routes)
        methods = ", ".join(sorted(methods_at(request.scope, routes)))
        if methods:
            return respond(Problem(405, f"{request.method} is not for {request.url.path[:200]!r}"), {"Allow": methods})
        return respond(Problem(404, f"there is nothing at {request.url.path[:200]!r}"))
    if error.status_code == 400:
        return respond(MalformedBody(str(error.detail)))
    return respond(Problem(error.status_code, str(error.detail)), error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return respond(HeadraceError(INTERNAL))


def documented(*errors: type[HeadraceError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for OpenAPI."""
    return {
        error.status: {"description": error.title, "content": {MEDIA_TYPE: {"schema": PROBLEM}}} for error in errors
    }


PROBLEM = {"$ref": "#/components/schemas/Problem"}

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "job_id": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
