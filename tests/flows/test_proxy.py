"""The proxy settings that docs/web.md shows let every transport through, as `headrace doctor --url` sees it."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.faults.chaos import wait_for_end
from tests.running import RunningServer, running_server
from tests.services import free_port, needs

DOCS = Path(__file__).parents[2] / "docs/web.md"
FRAME = Path(__file__).parent / "proxies/nginx.conf"
START_SECONDS = 60.0


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("behind"), embedder="none", heartbeat_seconds=1) as started:
        yield started


def shown_block(language: str) -> str:
    """The settings of a proxy in the documents, as they stand there."""
    block = re.search(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert block is not None, f"docs/web.md shows no {language} block"
    return block[1]


def shown_location() -> str:
    """The `location` of the nginx block in the documents."""
    return shown_block("nginx")[shown_block("nginx").index("location") :]


@contextmanager
def nginx(folder: Path, server: RunningServer, location: str) -> Iterator[str]:
    """A private nginx in front of a server; yields its URL."""
    port = free_port()
    told = location.replace("127.0.0.1:8011", f"127.0.0.1:{server.port}")
    (folder / "nginx.conf").write_text(FRAME.read_text().replace("PORT", str(port)).replace("LOCATION", told))
    command = [needs("nginx"), "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    with running(command, folder, port) as url:
        yield url


@contextmanager
def caddy(folder: Path, server: RunningServer, site: str) -> Iterator[str]:
    """A private Caddy in front of a server; yields its URL."""
    port = free_port()
    told = site.replace("headrace.example.org", f"http://127.0.0.1:{port}")
    told = told.replace("127.0.0.1:8011", f"127.0.0.1:{server.port}")
    (folder / "Caddyfile").write_text(f"{{\n admin off\n auto_https off\n}}\n{told}")
    command = [needs("caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    with running(command, folder, port) as url:
        yield url


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[str]:
    """A proxy from the moment that it answers."""
    environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).is_success:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def examine(server: RunningServer, url: str) -> tuple[int, dict[str, dict[str, str]]]:
    """What the doctor says of the way to `url`, by check, and what it exits with."""
    done = server.run("doctor", "--url", url)
    assert done.stdout, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {answer["check"]: answer for answer in answers}


@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
def test_the_settings_of_the_documents_let_every_transport_through(
    behind: RunningServer, tmp_path: Path, proxy: str
) -> None:
    front = (
        nginx(tmp_path, behind, shown_location())
        if proxy == "nginx"
        else caddy(tmp_path, behind, shown_block("caddyfile"))
    )
    with front as url:
        code, found = examine(behind, url)
        assert {name: answer["state"] for name, answer in found.items()} == dict.fromkeys(
            ("reachable", "auth", "stream", "websocket", "long poll", "heartbeat"), "ok"
        )
        assert code == 0
        sent = httpx.post(f"{url}/ingest/async", files={"file": ("a.txt", b"x " * 1_000_000)}, trust_env=False)
        assert sent.status_code == 202  # more than nginx takes by default
        with behind.client() as client:
            wait_for_end(client, sent.json()["job_id"], 120)  # or its events would be taken for signs of life


def test_the_doctor_sees_a_proxy_that_lets_no_upgrade_through(behind: RunningServer, tmp_path: Path) -> None:
    location = "location / {\n proxy_pass http://127.0.0.1:8011;\n proxy_set_header Host $http_host;\n}"
    with nginx(tmp_path, behind, location) as url:
        _, found = examine(behind, url)
    assert found["websocket"]["state"] == "info"
    assert found["stream"]["state"] == "ok"  # X-Accel-Buffering does that much without any setting


def test_the_doctor_sees_a_proxy_that_cuts_streams(behind: RunningServer, tmp_path: Path) -> None:
    location = (
        "location / {\n proxy_pass http://127.0.0.1:8011;\n proxy_set_header Host $http_host;\n"
        " proxy_read_timeout 700ms;\n}"
    )
    with behind.client() as client:
        client.get("/openapi.json")  # which takes longest, and only the first time
    with nginx(tmp_path, behind, location) as url:
        code, found = examine(behind, url)
    assert found["heartbeat"]["state"] == "bad"
    assert code != 0


def test_the_doctor_says_when_nobody_is_there(behind: RunningServer) -> None:
    code, found = examine(behind, f"http://127.0.0.1:{free_port()}")
    assert list(found) == ["reachable"]
    assert code != 0


def test_the_doctor_says_who_it_is_or_that_it_needs_a_token(tmp_path: Path) -> None:
    with running_server(tmp_path, embedder="none", auth="required", heartbeat_seconds=1) as server:
        code, found = examine(server, server.url)
        assert "HEADRACE_TOKEN" in found["auth"]["told"]
        assert code != 0
        token = server.run("token", "create", "--user", "anna").stdout.strip()
        server.environment["HEADRACE_TOKEN"] = token
        code, found = examine(server, server.url)
        assert found["auth"]["told"] == "this is 'anna'"
        assert code == 0
