"""Credentials against the real server: cookies, tickets, streams that end when a token is taken back, and its log."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from headrace.client import Client
from headrace.model.errors import NotAuthenticated
from tests.flows.inhabited import Town, new_token, town

REACHES_SECONDS = 5.0


@pytest.fixture(scope="module")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(
        tmp_path_factory.mktemp("town"), heartbeat_seconds=1, allowed_origins='["https://docs.example.org"]'
    ) as made:
        yield made


def revoke(inhabited: Town, token_of: str) -> float:
    """Take a user's token back by the command line; returns when that was done."""
    lines = inhabited.server.run("token", "list").stdout.splitlines()
    found = next(json.loads(line) for line in lines if json.loads(line)["user_id"] == token_of)
    assert inhabited.server.run("token", "revoke", found["token_id"]).returncode == 0
    return time.monotonic()


def ticket_of(client: httpx.Client, **body: str) -> str:
    answer = client.post("/tickets", json=body)
    assert answer.status_code == 201
    return str(answer.json()["ticket"])


@contextmanager
def logged_in(inhabited: Town, token: str) -> Iterator[httpx.Client]:
    with inhabited.client() as client:
        assert client.post("/session", json={"token": token}).status_code == 201
        yield client


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(inhabited: Town) -> None:
    with inhabited.client() as client:
        answer = client.post("/session", headers={"Authorization": f"Bearer {inhabited.anna}"})

    flags = {part.strip().partition("=")[0].lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert answer.headers["set-cookie"].startswith("headrace_session=hrs_")
    assert {"httponly", "samesite", "max-age", "path"} == flags
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert answer.headers["cache-control"] == "no-store"


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(inhabited: Town) -> None:
    with inhabited.client(inhabited.anna) as client:
        cookie = client.post("/session", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]

    assert cookie.startswith("__Host-headrace_session=hrs_")
    assert "; Secure" in cookie
    assert "; Path=/;" in cookie


def test_a_session_lasts_until_it_is_ended(inhabited: Town) -> None:
    with logged_in(inhabited, inhabited.anna) as client:
        cookie = dict(client.cookies)
        told = client.get("/session").json()
        ended = client.delete("/session")

        assert told == {"user_id": "anna", "scopes": ["read", "write"]}
        assert (ended.status_code, client.get("/session").status_code) == (204, 401)
        assert within(REACHES_SECONDS, lambda: inhabited.ask("/jobs", cookies=cookie) == 401)


def test_a_session_is_opened_by_a_token_alone(inhabited: Town) -> None:
    with logged_in(inhabited, inhabited.anna) as client:
        secret = client.cookies["headrace_session"]

        assert client.post("/session").status_code == 401
        assert client.post("/session", json={"token": secret}).status_code == 401
        assert inhabited.ask("/jobs", secret) == 401
        assert inhabited.ask("/jobs", cookies={"headrace_session": inhabited.anna}) == 401


def test_a_wrong_token_is_not_made_good_by_a_cookie(inhabited: Town) -> None:
    with logged_in(inhabited, inhabited.anna) as client:
        assert client.get("/jobs", headers={"Authorization": "Bearer hr_wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("{url}", 200),
        ("https://docs.example.org", 200),
        ("https://docs.example.org:443", 200),
        ("http://docs.example.org", 403),
        ("https://docs.example.org:8443", 403),
        ("https://docs.example.org.evil.example", 403),
        ("https://evil.example", 403),
        ("http://127.0.0.1", 403),
        ("http://localhost:{port}", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_cookies_and_sockets_are_for_pages_of_our_own_origin(inhabited: Town, origin: str, status: int) -> None:
    sent = {"Origin": origin.format(url=inhabited.server.url, port=inhabited.server.port)}
    with logged_in(inhabited, inhabited.anna) as client:
        cookie = f"headrace_session={client.cookies['headrace_session']}"

        assert client.get("/jobs", headers=sent).status_code == status
        assert inhabited.handshake("/ws", Cookie=cookie, **sent) == (101 if status == 200 else 403)
        assert inhabited.handshake("/ws", inhabited.anna, **sent) == (101 if status == 200 else 403)
        assert inhabited.ask("/jobs", inhabited.anna, headers=sent) == 200


def test_a_ticket_opens_one_stream_once(inhabited: Town) -> None:
    with inhabited.client(inhabited.anna) as anna, inhabited.client() as anyone:
        ticket = ticket_of(anna)
        path = f"/jobs/{inhabited.ids['job_id']}/events?ticket={ticket}"

        assert anyone.get(path, headers={"Accept": "text/event-stream"}).status_code == 200
        assert anyone.get(path, headers={"Accept": "text/event-stream"}).status_code == 401


def test_a_ticket_of_many_takers_serves_one(inhabited: Town) -> None:
    with inhabited.client(inhabited.anna) as anna, ThreadPoolExecutor(16) as pool:
        path = f"/api/ingest/stream/{inhabited.ids['job_id']}?ticket={ticket_of(anna)}"
        codes = list(pool.map(lambda _: httpx.get(inhabited.server.url + path, trust_env=False).status_code, range(16)))

    assert sorted(codes) == [200] + [401] * 15


def test_a_ticket_for_a_job_opens_nothing_else(inhabited: Town) -> None:
    job_id = inhabited.ids["job_id"]
    with inhabited.client(inhabited.anna) as anna:
        assert inhabited.handshake(f"/ws?ticket={ticket_of(anna, job_id=job_id)}") == 401
        assert inhabited.handshake(f"/ws/{job_id}?ticket={ticket_of(anna, job_id=job_id)}") == 101
        assert inhabited.ask(f"/jobs/{job_id}?ticket={ticket_of(anna, job_id=job_id)}") == 401


def test_a_ticket_of_another_user_does_not_open_ones_stream(inhabited: Town) -> None:
    with inhabited.client(inhabited.eve) as eve:
        assert inhabited.handshake(f"/ws/{inhabited.ids['job_id']}?ticket={ticket_of(eve)}") == 404


def test_revoking_a_token_ends_every_stream_that_came_from_it(inhabited: Town) -> None:
    token = new_token(inhabited.server, "tom")
    with (
        inhabited.client(token) as tom,
        inhabited.client() as anyone,
        logged_in(inhabited, token) as browser,
        ThreadPoolExecutor(4) as pool,
    ):
        ends = [
            pool.submit(sse_end, tom, "/events"),
            pool.submit(sse_end, anyone, f"/events?ticket={ticket_of(tom)}"),
            pool.submit(sse_end, browser, "/events"),
            pool.submit(socket_end, inhabited, f"/ws?ticket={ticket_of(tom)}"),
        ]
        assert within(20, lambda: watchers(inhabited) == 4)
        revoked_at = revoke(inhabited, "tom")

        assert [end.result(20) - revoked_at < REACHES_SECONDS for end in ends] == [True] * 4
        asking = (tom, browser)  # each credential is remembered by itself
        assert within(REACHES_SECONDS, lambda: [one.get("/jobs").status_code for one in asking] == [401, 401])


def test_revoking_a_token_leaves_the_streams_of_others_open(inhabited: Town) -> None:
    new_token(inhabited.server, "ute")
    with inhabited.client(inhabited.anna) as anna, anna.stream("GET", "/events") as response:
        heard = response.iter_raw()
        next(heard)
        looked_again_at = revoke(inhabited, "ute") + REACHES_SECONDS

        assert any(time.monotonic() > looked_again_at for _ in heard)


def test_the_python_client_follows_with_a_token_and_is_told_when_it_has_none(inhabited: Town) -> None:
    with Client(inhabited.server.url, token=inhabited.anna) as client:
        frames = list(client.follow(inhabited.ids["job_id"]))

    assert frames[-1]["status"] == "completed"
    with Client(inhabited.server.url, token="hr_wrong") as nobody, pytest.raises(NotAuthenticated):
        next(nobody.follow(inhabited.ids["job_id"]))


def test_the_commands_speak_as_their_token_says(inhabited: Town) -> None:
    environment = inhabited.server.environment | {"HEADRACE_TOKEN": inhabited.eve}

    assert inhabited.server.run("jobs", "list").returncode == 2
    assert inhabited.server.run("jobs", "list", env=environment).returncode == 0


def test_no_secret_is_in_the_log(inhabited: Town) -> None:
    with inhabited.client(inhabited.anna) as anna, logged_in(inhabited, inhabited.anna) as browser:
        ticket, session = ticket_of(anna), browser.cookies["headrace_session"]
        inhabited.handshake(f"/ws?ticket={ticket}")
        inhabited.handshake(f"/ws?ticket={ticket}")
        inhabited.ask(f"/events?ticket={ticket}")
        anna.post("/ingest/text", content=b"{", headers={"Content-Type": "application/json"})
    log = inhabited.server.log.read_text()

    assert log
    assert [
        secret for secret in (inhabited.anna, inhabited.eve, ticket, session, "hr_", "hrs_", "hrt_") if secret in log
    ] == []


def sse_end(client: httpx.Client, path: str) -> float:
    """When a stream was ended by the server, properly."""
    with client.stream("GET", path, timeout=60) as response:
        assert response.status_code == 200
        for _ in response.iter_raw():
            pass
    return time.monotonic()


def socket_end(inhabited: Town, path: str) -> float:
    """When a socket was closed with the code that says why."""
    with connect(inhabited.server.url.replace("http", "ws") + path, proxy=None) as socket:
        with suppress(ConnectionClosed):
            while socket.recv(60):
                pass
        assert socket.close_code == 4401
    return time.monotonic()


def watchers(inhabited: Town) -> int:
    with inhabited.client(inhabited.operator) as operator:
        text = operator.get("/metrics").text
    return int(float(next(line.split()[1] for line in text.splitlines() if line.startswith("headrace_watchers"))))


def within(seconds: float, is_so: object) -> bool:
    """Whether something becomes so in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False
