"""Who is asking, on every route and transport. Without authentication: the one local user, on this machine only."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from headrace.model.errors import NotAllowed, NotAuthenticated
from headrace.model.ids import UserId
from headrace.model.principal import LOCAL, Principal, TokenScope
from headrace.server.access import EXPLAINED, Access, Kind, is_secret
from headrace.server.credentials import Credentials
from headrace.server.guesses import Guesses
from headrace.server.origin import Origins, is_loopback
from headrace.settings import Settings
from headrace.transports.asgi import PRINCIPAL, Scope, query
from headrace.transports.mount import path_below

COOKIE = "headrace_session"
STATIC = Path(__file__).parent / "static"
SAFE_METHODS = {"GET", "HEAD"}
BEARER = HTTPBearer(scheme_name="token", description="made by `headrace token create`", auto_error=False)

OPEN = {
    "/healthz": "load balancers and supervisors have no token; it says only that the process answers",
    "/readyz": "as /healthz",
    "/docs": "the manual of the API; it holds no data",
    "/openapi.json": "what /docs shows",
    "/asyncapi.json": "the same for the streams",
    "/": "the page, which has to be there before anybody can log in; its data come from the other routes",
    **{f"/{file.relative_to(STATIC)}": "a file of the page" for file in STATIC.rglob("*") if file.is_file()},
}
"""All that answers whoever asks, and why. Anything else is 401 without a credential. `GET` and `HEAD` only."""

OPEN_POSTS = {"/session": "it takes the token itself, and answers 401 without a valid one"}

READING = {"/query", "/tickets", "/session"}
"""Routes that change nothing of the user's, whatever their method: the scope `read` is enough."""

OPERATING = {"/metrics"}
"""What tells of all users together."""


class Guard:
    """Asks every request who it is from.

    While nobody has to log in, a page of another site must not reach the server through its visitor's browser: the
    Host header has to be one of ours (DNS rebinding), and so has the Origin of a browser's request. Otherwise an
    Origin matters where a browser adds the credential by itself (the cookie) or lets any page connect (sockets).
    """

    def __init__(self, settings: Settings, access: Access, credentials: Credentials) -> None:
        self._must_log_in = settings.must_log_in
        self._origins = Origins(settings)
        self._access = access
        self._credentials = credentials
        self.guesses = Guesses(settings.max_wrong_tokens_per_minute)

    async def admit(self, scope: Scope) -> Principal | None:
        """Who makes an HTTP request; None for anybody, where the route is open to all.

        Raises:
            NotAuthenticated: nobody we know.
            TooManyRequests: too many wrong tokens came from that address.
            NotAllowed: it comes from where it may not, or the token's scope does not reach so far.
        """
        if not self._must_log_in:
            return self._local(scope)
        if is_open(scope):
            self._origins.check_origin(scope)
            return None
        return _allowed(await self._identify(scope), _needed(scope))

    async def watcher(self, scope: Scope, job_id: str | None) -> Principal:
        """Who asks for the stream of a job, or with None of the user; here a ticket in the URL will do.

        Raises:
            NotAuthenticated, NotAllowed: as `admit`.
        """
        if not self._must_log_in:
            return self._local(scope)
        if scope["type"] == "websocket":
            self._origins.check_origin(scope)
        ticket = query(scope, "ticket")
        who = await self._redeem(scope, ticket, job_id) if ticket else await self._identify(scope)
        return _allowed(who, TokenScope.READ)

    async def connect(self, scope: Scope, secret: str | None) -> Principal:
        """Who opens a connection on which a token or a ticket comes as a message (Socket.IO: `auth.token`).

        Without either, the headers count.

        Raises:
            NotAuthenticated, NotAllowed: as `admit`.
        """
        if not self._must_log_in:
            return self._local(scope)
        self._origins.check_origin(scope)
        if not secret:
            who = await self._identify(scope)
        elif is_secret(secret, Kind.TICKET):
            who = await self._redeem(scope, secret, None)
        else:
            who = await self._find(scope, secret, Kind.TOKEN)
        return _allowed(who, TokenScope.READ)

    def check_source(self, scope: Scope) -> None:
        """Refuse what the page of another site sends, whoever it is from.

        Raises:
            NotAllowed: see there.
        """
        if not self._must_log_in:
            self._origins.check_host(scope)
        self._origins.check_origin(scope)

    async def is_alive(self, who: Principal) -> bool:
        """Whether what a request was admitted by is valid at this moment, too."""
        return who.credential is None or await self._credentials.is_alive(who.credential)

    def _local(self, scope: Scope) -> Principal:
        self.check_source(scope)
        return LOCAL

    async def _identify(self, scope: Scope) -> Principal:
        """By the token in the header, else by the cookie: a wrong token is not made good by a cookie."""
        if (token := bearer(scope)) is not None:
            return await self._find(scope, token, Kind.TOKEN)
        if (session := session_secret(scope)) is None:
            raise NotAuthenticated(EXPLAINED)
        self._origins.check_origin(scope)
        return await self._find(scope, session, Kind.SESSION)

    async def _find(self, scope: Scope, secret: str, kind: Kind) -> Principal:
        self.guesses.check(scope, secret)
        return await self.guesses.judge(scope, secret, self._credentials.find(secret, kind))

    async def _redeem(self, scope: Scope, ticket: str, job_id: str | None) -> Principal:
        self.guesses.check(scope)
        redeeming = asyncio.to_thread(self._access.redeem_ticket, ticket, job_id)
        return await self.guesses.judge(scope, ticket, redeeming)


def bearer(scope: Mapping[str, Any]) -> str | None:
    """The token in the Authorization header; empty for a header that holds none, None without a header."""
    found = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
    if not found:
        return None
    scheme, _, token = found[0].strip().partition(" ")
    return token.strip() if len(found) == 1 and scheme.lower() == "bearer" else ""


def cookie_name(scope: Mapping[str, Any]) -> str:
    """What the cookie is called; over https in a way that keeps neighbouring hosts from setting it.

    Such a one belongs to the whole host, so two servers below different root paths have different ones.
    """
    name = COOKIE + re.sub(r"[^A-Za-z0-9]", "_", str(scope.get("root_path", "")).rstrip("/"))
    return f"__Host-{name}" if scope.get("scheme") in ("https", "wss") else name


def session_secret(scope: Mapping[str, Any]) -> str | None:
    """What the cookie holds; None without one."""
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"]
    pairs = (pair.strip().partition("=") for pair in ";".join(lines).split(";"))
    name = cookie_name(scope)
    return next((value for found, _, value in pairs if found == name), None)


def is_open(scope: Scope) -> bool:
    """Whether a request needs no credential."""
    path = path_below(scope)
    return path in OPEN if scope["method"] in SAFE_METHODS else scope["method"] == "POST" and path in OPEN_POSTS


def _needed(scope: Scope) -> TokenScope:
    if path_below(scope) in OPERATING:
        return TokenScope.OPERATOR
    is_reading = scope["method"] in SAFE_METHODS or path_below(scope) in READING
    return TokenScope.READ if is_reading else TokenScope.WRITE


def _allowed(who: Principal, needed: TokenScope) -> Principal:
    if needed not in who.scopes:
        raise NotAllowed(f"this token has not the scope {needed.value!r}; use one that has")
    return who


async def principal(request: Request, _shown: Annotated[object, Security(BEARER)] = None) -> Principal:
    """For routes: who makes the request.

    Raises:
        NotAuthenticated: the route is open to all, and nobody is known.
    """
    who: Principal | None = request.scope.get(PRINCIPAL)
    if who is None:
        raise NotAuthenticated(EXPLAINED)
    return who


async def user(who: Annotated[Principal, Depends(principal)]) -> UserId:
    """For routes: the user on whose behalf the request comes."""
    return who.user_id


def check_bind(settings: Settings) -> str | None:
    """Why the server must not listen where it is told to; None when it may."""
    if settings.must_log_in or settings.insecure or settings.host == "localhost" or is_loopback(settings.host):
        return None
    return (
        f"refusing to listen on {settings.host}: nobody has to log in, so only this machine may connect; "
        "pass --auth required, or listen on 127.0.0.1, or pass --insecure if the network is trusted"
    )
