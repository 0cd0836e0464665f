"""Whatever goes wrong is told as a problem, and nothing of the inside with it."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError

from headrace.model import errors
from headrace.model.errors import (
    Busy,
    DiskLow,
    DocumentError,
    HeadraceError,
    JobNotFound,
    QueueFull,
    Superseded,
    TooSlow,
)
from headrace.server import problems
from headrace.server.problems import INTERNAL, MEDIA_TYPE, documented

SECRET = "/var/lib/headrace/headrace.db"
INSIDE = ("Traceback", "SELECT", SECRET, ".py", "sqlalchemy", "File ")

BROKEN: list[Exception] = [
    RuntimeError(f"cannot open {SECRET}"),
    OperationalError("SELECT * FROM job", {}, sqlite3.OperationalError(f"disk I/O error at {SECRET}")),
    OSError(28, "no space left on device", SECRET),
    KeyError("job_id"),
    Superseded(f"lost {SECRET}"),
    DocumentError("corrupt", f"broken {SECRET}"),
    HeadraceError(f"inside {SECRET}"),
]


class Body(BaseModel):
    text: str


def answer(error: Exception | None = None, path: str = "/boom", **request: object) -> httpx.Response:
    """What a client is told when a route raises."""
    app = FastAPI()
    problems.install(app)

    @app.get("/boom")
    async def boom() -> None:
        assert error is not None
        raise error

    @app.post("/boom")
    async def body(sent: Body, limit: Annotated[int, Query(ge=1)] = 1) -> None:
        del sent, limit

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            method = str(request.pop("method", "GET"))
            return await client.request(method, path, **request)  # type: ignore[arg-type]

    return asyncio.run(ask())


def problem(found: httpx.Response) -> dict[str, object]:
    told: dict[str, object] = found.json()
    assert found.headers["content-type"] == MEDIA_TYPE
    assert {"type", "title", "status", "detail", "code"} <= set(told)
    assert told["status"] == found.status_code
    assert told["type"] == f"urn:headrace:error:{told['code']}"
    return told


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
def test_what_nobody_expected_is_a_500_that_tells_nothing_of_the_inside(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    found = answer(error)

    assert found.status_code == 500
    assert problem(found)["detail"] == INTERNAL
    assert not [word for word in INSIDE if word in found.text]
    assert "GET /boom failed" in caplog.text


MAKERS: list[Callable[[], HeadraceError]] = [
    lambda: errors.MalformedCursor("x"),
    lambda: errors.NotAuthenticated("who?"),
    lambda: errors.NotAllowed("not you"),
    lambda: JobNotFound("nobody"),
    lambda: errors.WrongState("0192", "completed", "cancel"),
    lambda: errors.KeyReused("k"),
    lambda: errors.TooLarge("too large"),
    lambda: errors.UnsupportedType("a program"),
    lambda: errors.InvalidField.single("top_k", "must be at least 1"),
    lambda: QueueFull("many wait"),
    lambda: Busy("starting"),
    lambda: DiskLow("little left"),
]


@pytest.mark.parametrize("make", MAKERS)
def test_each_error_of_ours_is_told_with_its_code_and_its_data(make: Callable[[], HeadraceError]) -> None:
    error = make()

    told = problem(answer(error))

    assert (told["status"], told["code"], told["detail"]) == (error.status, error.code, error.detail)
    assert {name: told[name] for name in error.data} == error.data


@pytest.mark.parametrize(("error", "seconds"), [(QueueFull("x"), "5"), (Busy("x"), "1"), (DiskLow("x"), "60")])
def test_whoever_is_to_come_again_is_told_when(error: HeadraceError, seconds: str) -> None:
    assert answer(error).headers["retry-after"] == seconds


def test_whoever_is_not_known_is_told_how_to_be() -> None:
    assert answer(errors.NotAuthenticated("who?")).headers["www-authenticate"] == "Bearer"


def test_every_field_that_is_wrong_is_named() -> None:
    told = problem(answer(method="POST", json={"text": 7}, params={"limit": 0}))

    assert told["status"] == 422
    assert {one["field"] for one in told["errors"]} == {"limit", "text"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", [b"{", b'{"text":', b"\xff", b"not json", b'{"text": "\xff"}'])
def test_json_that_does_not_parse_is_a_400(body: bytes) -> None:
    told = problem(answer(method="POST", content=body, headers={"content-type": "application/json"}))

    assert (told["status"], told["code"]) == (400, "malformed_body")


def test_json_nested_beyond_all_measure_is_a_400() -> None:
    told = problem(answer(method="POST", content=b"[" * 200_000, headers={"content-type": "application/json"}))

    assert told["status"] == 400


def test_a_path_or_method_that_leads_nowhere_is_a_problem_too() -> None:
    nowhere, method = answer(path="/nowhere"), answer(method="PUT")

    assert (problem(nowhere)["code"], nowhere.status_code) == ("not_found", 404)
    assert (problem(method)["code"], method.status_code) == ("method_not_allowed", 405)
    assert {"GET", "POST"} & set(method.headers["allow"].split(", "))


def test_errors_are_documented_by_their_status() -> None:
    assert set(documented(JobNotFound, QueueFull)) == {404, 429}


def test_a_request_that_came_too_slowly_ends_its_connection_and_others_keep_theirs() -> None:
    assert answer(TooSlow("only 3 bytes came")).headers["connection"] == "close"
    assert "connection" not in answer(JobNotFound("gone")).headers
