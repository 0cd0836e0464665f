"""The client that awaits."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from types import TracebackType

import httpx

from headrace.client.answers import read_answer, reason
from headrace.client.errors import ServerUnreachable
from headrace.client.following import SILENCE_SECONDS, Following, Frame
from headrace.client.requests import Request
from headrace.client.verbs import CONNECT_SECONDS, DEFAULT_URL, Json, Verbs, http_options


class AsyncClient(Verbs[Awaitable[Json]]):
    """`Client` for asyncio: the same verbs, to be awaited, and `follow` for `async for`."""

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None) -> None:
        self.url = url
        self._http = httpx.AsyncClient(**http_options(url, token))

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    def follow(
        self, job_id: str, after: str | None = None, *, patience_seconds: float | None = None
    ) -> AsyncIterator[Frame]:
        """As `Client.follow`."""
        return self._watched(Following(self.url, job_id, after, patience_seconds=patience_seconds))

    def follow_user(self, after: str | None = None, *, patience_seconds: float | None = None) -> AsyncIterator[Frame]:
        """As `Client.follow_user`."""
        return self._watched(Following(self.url, None, after, patience_seconds=patience_seconds))

    async def _send(self, request: Request) -> Json:
        try:
            return read_answer(await self._http.request(request.method, request.path, **request.options()))
        except httpx.TransportError as error:
            raise ServerUnreachable(self.url, reason(error)) from error

    async def _watched(self, state: Following) -> AsyncGenerator[Frame]:
        while not state.has_ended:
            try:
                async with aclosing(self._connected(state)) as frames:
                    async for frame in frames:
                        yield frame
            except httpx.TransportError as error:
                state.broken(reason(error))
            if not state.has_ended:
                await asyncio.sleep(state.pause_seconds)

    async def _connected(self, state: Following) -> AsyncGenerator[Frame]:
        timeout = httpx.Timeout(CONNECT_SECONDS, read=SILENCE_SECONDS)
        async with self._http.stream("GET", state.path, headers=state.headers(), timeout=timeout) as response:
            if not state.opens(response.status_code, response.headers.get("content-type", "")):
                state.refused(response.status_code, await response.aread(), response.headers.get("retry-after"))
                return
            async for data in response.aiter_raw():
                for frame in state.feed(data):
                    yield frame
                if state.has_ended:
                    return
        state.closed()
