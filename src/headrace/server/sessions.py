"""The routes of tickets and of the page's session."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request, Response

from headrace.model.errors import JobNotFound, NotAuthenticated
from headrace.model.event import instant
from headrace.model.principal import Principal
from headrace.server.access import Access
from headrace.server.bodies import Body as StrictBody
from headrace.server.guesses import Guesses
from headrace.server.principal import bearer, cookie_name, principal, session_secret
from headrace.server.problems import documented

router = APIRouter(tags=["access"])


class TicketBody(StrictBody):
    """`POST /tickets`."""

    job_id: str | None = None


class SessionBody(StrictBody):
    """`POST /session`, for those who send no Authorization header."""

    token: str | None = None


async def access(request: Request) -> Access:
    """For routes: the one of the app."""
    found: Access = request.app.state.access
    return found


Who = Annotated[Principal, Depends(principal)]
App = Annotated[Access, Depends(access)]


@router.post("/tickets", status_code=201, responses=documented(JobNotFound))
async def issue_ticket(who: Who, app: App, response: Response, body: TicketBody | None = None) -> dict[str, Any]:
    """A ticket that opens one stream once, within seconds; with `job_id` that job's stream and no other."""
    secret, expires_at = await asyncio.to_thread(app.issue_ticket, who, body.job_id if body else None)
    response.headers["Cache-Control"] = "no-store"
    return {"ticket": secret, "expires_at": instant(expires_at)}


@router.post("/session", status_code=201, responses=documented(NotAuthenticated))
async def open_session(
    request: Request, app: App, response: Response, body: Annotated[SessionBody | None, Body()] = None
) -> dict[str, Any]:
    """Log a browser in: the token comes as `Authorization: Bearer` or in the body, the answer sets a cookie."""
    token = bearer(request.scope)
    if token is None:
        token = (body.token if body else None) or ""
    guesses: Guesses = request.app.state.guesses
    guesses.check(request.scope, token)
    try:
        secret, session = await asyncio.to_thread(app.open_session, token)
    except NotAuthenticated:
        guesses.count(request.scope)
        raise
    assert session.expires_at is not None  # noqa: S101 - sessions always do
    response.set_cookie(
        cookie_name(request.scope),
        secret,
        max_age=int((session.expires_at - session.created_at).total_seconds()),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"
    return _told(session.principal) | {"expires_at": instant(session.expires_at)}


@router.get("/session")
async def get_session(who: Who, response: Response) -> dict[str, Any]:
    """Who one is here, and what one may do."""
    response.headers["Cache-Control"] = "no-store"
    return _told(who)


@router.delete("/session", status_code=204)
async def end_session(_who: Who, request: Request, app: App) -> Response:
    """Log the browser out: its cookie is worth nothing any more, and its streams end."""
    secret = session_secret(request.scope)
    if secret is not None:
        await asyncio.to_thread(app.end_session, secret)
    response = Response(status_code=204)
    is_secure = request.url.scheme == "https"
    response.delete_cookie(cookie_name(request.scope), secure=is_secure, httponly=True, samesite="strict")
    return response


def _told(who: Principal) -> dict[str, Any]:
    return {"user_id": who.user_id, "scopes": sorted(who.scopes)}
