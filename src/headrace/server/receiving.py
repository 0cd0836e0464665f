"""Bounds what request bodies may cost: bytes, time, memory, and how many come in at once.

Bodies are counted as they come in, whatever their Content-Length says. What is refused here is refused while it is
being sent; requests that only read have no body and pass through.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from headrace.model.errors import Busy, TooLarge, TooManyUploads, TooSlow
from headrace.model.ids import UserId
from headrace.model.principal import Principal
from headrace.server.gate import ASGI, Message, Receive, Send
from headrace.settings import Settings
from headrace.transports.asgi import PRINCIPAL, Scope, header

SMALL_BYTES = 65_536
"""A body that is no larger than this takes no place among the uploads: the protocol has it in memory already."""


class Receiving:
    """An ASGI application around another one."""

    def __init__(self, app: ASGI, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._held_bytes = 0
        self._uploads: Counter[UserId | None] = Counter()

    @property
    def upload_count(self) -> int:
        """How many large bodies are coming in."""
        return self._uploads.total()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(self, scope, receive, self._settings)
        try:
            await self._app(scope, body.receive, send)
        finally:
            body.close()

    def hold(self, size: int) -> None:
        """Count bytes that a request keeps in memory until it is answered.

        Raises:
            Busy: all requests together would keep too much.
        """
        if size > 0 and self._held_bytes + size > self._settings.max_held_bytes:
            raise Busy("the server has too many large requests in hand; try again in a moment")
        self._held_bytes += size

    @contextmanager
    def place(self, user_id: UserId | None) -> Iterator[None]:
        """A place among the uploads, for as long as the body comes in.

        Raises:
            TooManyUploads: all are taken, or all that one user may have.
        """
        mine = self._settings.max_uploads_per_user if self._settings.must_log_in else self._settings.max_uploads
        if self.upload_count >= self._settings.max_uploads or self._uploads[user_id] >= mine:
            raise TooManyUploads(f"{self._uploads[user_id]} of your uploads are coming in; wait for one to end")
        self._uploads[user_id] += 1
        try:
            yield
        finally:
            self._uploads[user_id] -= 1
            if not self._uploads[user_id]:
                del self._uploads[user_id]


class _Body:
    """The body of one request as it comes in."""

    def __init__(self, all_bodies: Receiving, scope: Scope, receive: Receive, settings: Settings) -> None:
        self._all, self._scope, self._receive, self._settings = all_bodies, scope, receive, settings
        self._is_form = header(scope, b"content-type").startswith("multipart/")
        self._most = settings.max_request_bytes if self._is_form else settings.max_json_bytes
        self._received = self._held = 0
        self._waited_seconds = 0.0
        self._is_complete = False
        self._is_placed = False
        self._place = ExitStack()

    async def receive(self) -> Message:
        """As an ASGI server's.

        Raises:
            TooLarge, TooSlow, TooManyUploads, Busy: the body is not to be read on.
        """
        if self._is_complete:
            return dict(await self._receive())
        began = time.monotonic()
        message = await self._next()
        self._waited_seconds += time.monotonic() - began
        self._count(len(message.get("body", b"")))
        self._is_complete = not message.get("more_body", False)
        if self._is_complete:
            self._place.close()
        elif not self._is_placed and self._received + self._announced() > SMALL_BYTES:
            self._enter()
        return message

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._settings.body_idle_seconds):
                return dict(await self._receive())
        except TimeoutError as error:
            raise TooSlow(f"nothing of the body came for {self._settings.body_idle_seconds:g} s") from error

    def _count(self, size: int) -> None:
        self._received += size
        if self._received > self._most:
            raise TooLarge(f"the request is larger than the limit of {self._most} bytes")
        grace = self._settings.body_idle_seconds
        due = (self._waited_seconds - grace) * self._settings.min_upload_bytes_per_second
        if self._received < due:
            raise TooSlow(f"only {self._received} bytes came in {self._waited_seconds:.0f} s")
        if not self._is_form:
            self._all.hold(size)
            self._held += size

    def _announced(self) -> int:
        """What is still to come as the client says; much, where it does not say."""
        told = header(self._scope, b"content-length")
        return int(told) - self._received if told.isdigit() else SMALL_BYTES

    def _enter(self) -> None:
        who: Principal | None = self._scope.get(PRINCIPAL)
        self._place.enter_context(self._all.place(None if who is None else who.user_id))
        self._is_placed = True

    def close(self) -> None:
        """The request is answered, or its client has gone."""
        self._place.close()
        self._all.hold(-self._held)
        self._held = 0
