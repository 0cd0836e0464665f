"""Requests that nobody means well: generated from the OpenAPI document, and from lists of what attackers send."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import hypothesis
import pytest
import requests
import schemathesis

from headrace.relays.webhooks.guard import Refused, check_url, resolve
from headrace.server.principal import OPEN, OPEN_POSTS
from tests.faults import chaos
from tests.flows.inhabited import BODIES, Operation, Town, town
from tests.running import RunningServer, running_server

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

CASES = chaos.pick(2, 1_200)
"""For each operation."""

STREAMS = {"/events", "/api/ingest/stream/{session_id}", "/jobs/{job_id}/events"}
TELLTALES = ("Traceback", "sqlalchemy", "sqlite3.", "psycopg", 'File "/', "root:x:0")
FINE = {503, 507}
"""Of all answers from 500 on, those that say what is the matter."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {"embedder": "none", "max_pending_jobs": 1_000_000, "min_free_disk_bytes": 0}
    with running_server(tmp_path_factory.mktemp("hostile"), **settings) as started:
        yield started


@pytest.fixture(scope="module")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    limits = {"max_wrong_tokens_per_minute": 0, "max_requests_per_second": 0}
    with town(tmp_path_factory.mktemp("town"), **limits) as made:
        yield made


def check_answer(answer: httpx.Response) -> None:
    """No answer is a crash, and none tells of the inside."""
    check(answer.status_code, answer.headers["content-type"], answer.text, f"{answer.request.method} {answer.url}")


def check(status: int, content_type: str, text: str, asked: str) -> None:
    told = f"{asked}: {status} {text[:500]}"
    assert status < 500 or status in FINE, told
    assert not any(word in text for word in TELLTALES), told
    if status >= 400:
        assert content_type == "application/problem+json", told
        assert f'"status":{status}' in text.replace(" ", ""), told


def test_generated_requests_crash_nothing(server: RunningServer) -> None:
    answers: Counter[int] = Counter()
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    with requests.Session() as session:
        session.trust_env = False
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path not in STREAMS:
                answers += ask(session, server.url, operation)
        assert session.get(f"{server.url}/readyz").status_code == 200
    assert answers.total() >= 80
    chaos.tell("S, generated requests", f"{answers.total()} from the OpenAPI document: {dict(sorted(answers.items()))}")


def ask(session: requests.Session, url: str, operation: Any) -> Counter[int]:
    """Send what the operation's description allows, and what it does not."""
    answers: Counter[int] = Counter()

    @hypothesis.seed(chaos.SEED)
    @hypothesis.settings(
        max_examples=CASES,
        derandomize=not chaos.IS_SOAK,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy())
    def send(case: Any) -> None:
        try:
            answer = case.call(base_url=url, session=session, timeout=300)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError):
            hypothesis.reject()  # what the client does not let out
        answers[answer.status_code] += 1
        kind = answer.headers.get("content-type", [""])[0]
        check(answer.status_code, kind, answer.text, f"{case.method} {case.formatted_path} {case.body!r}"[:500])

    send()
    return answers


DOTS = (
    "../",
    "..\\",
    "%2e%2e/",
    "%2e%2e%2f",
    "..%2f",
    "..%5c",
    "%252e%252e%252f",
    "....//",
    "..;/",
    "%c0%ae%c0%ae/",
    ".%00./",
    "./../",
)
TARGETS = ("etc/passwd", "headrace.db", "headrace.db-wal", "proc/self/environ", "windows/win.ini", "server/settings.py")
PATHS = [f"{way}{dots * depth}{target}" for way, dots, depth, target in itertools.product(
    ("/", "/static/"), DOTS, (1, 6), TARGETS)] + [f"/{'/' * n}{target}" for n in range(4) for target in TARGETS]  # fmt: skip  # noqa: E501


def test_no_path_leads_out_of_what_is_served(server: RunningServer) -> None:
    with server.client() as client:
        for path in PATHS:
            url = httpx.URL(server.url).copy_with(raw_path=quote(path, safe="/%\\;.").encode())
            answer = client.get(url)
            check_answer(answer)
            assert answer.status_code in {400, 404}, path
        names = random.Random(chaos.SEED).sample(PATHS, chaos.pick(20, len(PATHS)))
        for name in names:
            answer = client.post("/ingest", files={"file": (name, b"the weir holds")})
            check_answer(answer)
    stored = {path.parent.parent for path in server.data_dir.rglob("*") if path.is_file() and "passwd" in path.name}
    assert stored == set()
    assert len(PATHS) >= 300
    chaos.tell("S, path payloads", f"{len(PATHS)} paths and {len(names)} file names: none led out, 0 unexpected 5xx")


TAGS = ("script", "svg/onload", "img src=x onerror", "iframe srcdoc", "body onload", "a href=javascript:", "math", "style",  # noqa: E501
        "object data", "embed src", "link rel=import href", "meta http-equiv=refresh content", "video onerror")  # fmt: skip  # noqa: E501
CALLS = ("alert(1)", "fetch('//x')", "document.cookie", "eval(name)")
SHAPES = ("<{0}>{1}</{0}>", '"><{0}={1}>', "'><{0} {1}>", "</title><{0}>{1}", "{{{{{0}}}}}${{{1}}}")
SCRIPTS = [shape.format(tag, call) for shape, tag, call in itertools.product(SHAPES, TAGS, CALLS)]


def test_no_script_that_is_sent_comes_back_as_one(server: RunningServer) -> None:
    with server.client() as client:
        messages = [{"text": script, "metadata": {"title": script}} for script in SCRIPTS]
        job = client.post("/ingest/batch", params={"sync": "true"}, json={"messages": messages}).json()
        assert job["success"], job
        places = ["/jobs", f"/jobs/{job['job_id']}", f"/jobs/{job['job_id']}/documents", "/documents", "/resources"]
        answers = [client.get(path) for path in places]
        answers += [client.get(f"/{quote(script, safe='')}") for script in SCRIPTS]
        answers += [client.get("/query", params={"q": script[:200]}) for script in SCRIPTS[: chaos.pick(20, 1_000)]]
        for answer in answers:
            check_answer(answer)
            assert answer.headers["content-type"].partition(";")[0] in {"application/json", "application/problem+json"}
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert len(SCRIPTS) >= 200
    chaos.tell("S, script payloads", f"{len(SCRIPTS)} as texts, metadata, paths and questions: told as JSON alone")


LOOPBACK = ("127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "017700000001", "[::1]", "[::]",
            "[::ffff:127.0.0.1]", "localhost", "LOCALHOST.", "[0:0:0:0:0:ffff:7f00:1]", "127.255.255.254")  # fmt: skip
PRIVATE = ("10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "[fd00::1]", "[fe80::1]", "100.64.0.1", "[fd00:ec2::254]",  # noqa: E501
           "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[ff02::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]")  # fmt: skip  # noqa: E501
FORMS = (
    "http://{}/",
    "https://{}/latest/meta-data",
    "http://{}:6379/",
    "http://user@{}/",
    "HTTP://{}:80/x?y#z",
    "https://good@{}:443",
)
SCHEMES = ("file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "ftp://10.0.0.1/", "javascript:alert(1)", "dict://127.0.0.1:11211/",
           "//127.0.0.1/", "http:///", "http://", "", "http://[", "data:text/plain,x", "unix:/run/x.sock")  # fmt: skip
URLS = [form.format(host) for form, host in itertools.product(FORMS, (*LOOPBACK, *PRIVATE))] + list(SCHEMES)


def test_no_webhook_leads_into_our_own_network(inhabited: Town) -> None:
    for url in URLS:
        with pytest.raises((Refused, OSError)):
            asyncio.run(resolve(check_url(url, allow_private=False), allow_private=False))
    with inhabited.client(inhabited.anna) as anna:
        for url in random.Random(chaos.SEED).sample(URLS, chaos.pick(20, len(URLS))):
            check_answer(anna.put(f"/workspaces/{inhabited.ids['workspace_id']}/webhook", json={"url": url}))
    assert len(URLS) >= 150
    chaos.tell(
        "S, URL payloads", f"{len(URLS)} of this machine, private networks and other schemes: none was posted to"
    )


def credentials(anna: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways to ask that have no valid credential in them: headers, query, cookies."""
    for name, value in {
        "bare": "Bearer", "empty": "Bearer .", "null": "Bearer null", "wrong": f"Bearer hr_{'x' * 43}", "cut": f"Bearer {anna[:-1]}",  # noqa: E501
        "longer": f"Bearer {anna}x", "upper": f"Bearer {anna.upper()}", "twice": f"Bearer {anna} {anna}", "basic": "Basic YTpi",  # noqa: E501
        "naked": anna, "other scheme": f"Token {anna}", "session as token": f"Bearer hrs_{'x' * 43}",
        "ticket as token": f"Bearer hrt_{'x' * 43}", "comma": f"Bearer {anna},Bearer {anna}", "sql": "Bearer ' OR 1=1 --",  # noqa: E501
    }.items():  # fmt: skip
        yield name, {"headers": {"Authorization": value}}
    for name, value in {
        "digest": 'Digest username="anna"',
        "negotiate": "Negotiate YTpi",
        "tab": f"Bearer\t{anna}",
        "quoted": f'Bearer "{anna}"',
        "unsigned": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm5hIn0.",
        "object": 'Bearer {"token": "x"}',
        "long": f"Bearer {'x' * 5_000}",
    }.items():
        yield name, {"headers": {"Authorization": value}}
    yield "none", {}
    yield "token in the query", {"params": {"token": anna}}
    yield "access_token in the query", {"params": {"access_token": anna}}
    yield "ticket in the query", {"params": {"ticket": anna}}
    yield "token as cookie", {"headers": {"Cookie": f"headrace_session={anna}"}}
    yield "made-up session", {"headers": {"Cookie": f"headrace_session=hrs_{'x' * 43}"}}
    yield "said by a header", {"headers": {"X-Forwarded-User": "anna", "X-User": "anna", "X-Remote-User": "anna"}}
    yield "from this machine", {"headers": {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}}
    yield "two headers", {"headers": [("Authorization", f"Bearer {anna}"), ("Authorization", "Bearer x")]}


def test_every_cell_of_route_and_credential_is_answered_as_it_must(inhabited: Town) -> None:
    cells: Counter[int] = Counter()
    closed = [one for one in inhabited.operations if not is_open(one)]
    with inhabited.client() as client:
        for (name, given), one in itertools.product(credentials(inhabited.anna), closed):
            path = one.path.format(
                **{parameter: inhabited.ids.get(parameter, inhabited.ids["job_id"]) for parameter in one.parameters}
            )
            body = None if one.method in ("GET", "DELETE") else BODIES.get(one.name, {})
            answer = client.request(one.method, path, json=body, **given)
            assert (name, one.name, answer.status_code) == (name, one.name, 401)
            cells[401] += 1
    for token, owner in ((inhabited.eve, "eve"), (inhabited.operator, "operator")):
        with inhabited.client(token) as stranger:
            for one in inhabited.operations:
                if owner == "eve" and not one.parameters:
                    continue
                answer = one.send(stranger, inhabited.ids)
                if owner == "operator" and (is_for_operators(one.path) or answer.status_code != 403):
                    assert is_for_operators(one.path) or one in set(inhabited.operations) - set(closed), one.name
                    continue
                assert (one.name, answer.status_code) == (one.name, 404 if owner == "eve" else 403)
                cells[answer.status_code] += 1
    with inhabited.client(inhabited.anna) as anna:
        assert anna.get(f"/jobs/{inhabited.ids['job_id']}").status_code == 200
    assert cells.total() >= 1_500
    chaos.tell("P14, cells", f"{cells.total()} of route and credential: {dict(sorted(cells.items()))}, as it must be")


def is_open(operation: Operation) -> bool:
    return operation.path in (OPEN if operation.method == "GET" else OPEN_POSTS)


def is_for_operators(path: str) -> bool:
    return path == "/metrics"
