"""What stands before every route."""

import asyncio
import json
from typing import Any

import pytest

from headrace.model.errors import NotAuthenticated
from headrace.model.ids import UserId
from headrace.model.principal import Principal
from headrace.server import gate
from headrace.server.access import EXPLAINED
from headrace.server.gate import SECURITY_HEADERS, Gate

ANNA = Principal(user_id=UserId("anna"), credential="t1")


class Doorkeeper:
    """Knows one user, for as long as it is said."""

    def __init__(self, *, knows: bool = True, stays_known: bool = True) -> None:
        self._knows, self._stays_known = knows, stays_known

    async def admit(self, _scope: Any) -> Principal:
        if not self._knows:
            raise NotAuthenticated(EXPLAINED)
        return ANNA

    async def watcher(self, scope: Any, _job_id: str | None) -> Principal:
        return await self.admit(scope)

    async def is_alive(self, _who: Principal) -> bool:
        return self._stays_known


async def tell_secret(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-private", b"1")]})
    await send({"type": "http.response.body", "body": b"secret ", "more_body": True})
    await send({"type": "http.response.body", "body": b"secret"})


def ask(doorkeeper: Doorkeeper, **scope: Any) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.disconnect" if sent else "websocket.connect"}

    asked = {"type": "http", "method": "GET", "path": "/x", "headers": []} | scope
    asyncio.run(Gate(tell_secret, doorkeeper)(asked, receive, send))  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize(("seconds", "stays_known", "status"), [(-1, True, 200), (-1, False, 401), (9, False, 200)])
def test_who_was_revoked_while_waiting_is_not_answered(
    monkeypatch: pytest.MonkeyPatch, seconds: float, stays_known: bool, status: int
) -> None:
    monkeypatch.setattr(gate, "LONG_SECONDS", seconds)
    start, *bodies = ask(Doorkeeper(stays_known=stays_known))
    told = b"".join(message.get("body", b"") for message in bodies)

    assert start["status"] == status
    assert (b"secret" in told, (b"x-private", b"1") in start["headers"]) == (status == 200, status == 200)


@pytest.mark.parametrize("doorkeeper", [Doorkeeper(), Doorkeeper(knows=False)])
def test_every_answer_carries_the_security_headers(doorkeeper: Doorkeeper) -> None:
    assert set(SECURITY_HEADERS) <= set(ask(doorkeeper)[0]["headers"])


@pytest.mark.parametrize(("knows", "status"), [(True, 404), (False, 401)])
def test_a_socket_that_leads_nowhere_is_refused(knows: bool, status: int) -> None:
    extensions: dict[str, Any] = {"websocket.http.response": {}}
    start, body = ask(Doorkeeper(knows=knows), type="websocket", extensions=extensions)

    assert (start["status"], json.loads(body["body"])["status"]) == (status, status)


async def answer_and_fail(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})
    raise OSError("as starlette raises again what it has answered")


async def fail_halfway(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise OSError("the rest cannot be read")


@pytest.mark.parametrize(("app", "is_cut"), [(answer_and_fail, False), (fail_halfway, True)])
def test_only_an_answer_that_broke_off_costs_the_client_its_connection(app: Any, is_cut: bool) -> None:
    async def run() -> None:
        async def send(_message: dict[str, Any]) -> None: ...

        asked = {"type": "http", "method": "GET", "path": "/x", "headers": []}
        await Gate(app, Doorkeeper())(asked, send, send)  # type: ignore[arg-type]

    if is_cut:
        with pytest.raises(OSError, match="the rest"):
            asyncio.run(run())
    else:
        asyncio.run(run())
