"""The page below a root path: behind a proxy that passes it on, one that strips it, and mounted in an application."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import socketio

from tests.browser.engines import WAIT_SECONDS, Open, PlaywrightPage, wait_for
from tests.flows.test_proxy import nginx
from tests.running import running_server
from tests.services import free_port

ENGINE = "chromium"
ROOT = "/archive/room-2"
STRIPPING = f"""location {ROOT}/ {{
 proxy_pass http://127.0.0.1:8011/;
 proxy_http_version 1.1;
 proxy_set_header Host $http_host;
 proxy_set_header Upgrade $http_upgrade;
 proxy_set_header Connection "upgrade";
 proxy_buffering off;
}}
location = /healthz {{ return 200; }}"""
APPLICATION = f"""
from fastapi import FastAPI
from headrace import Headrace

headrace = Headrace(embedder="none")
app = FastAPI(lifespan=headrace.lifespan)
app.mount("{ROOT}", headrace.app)
"""

pytestmark = pytest.mark.timeout(600)


@contextmanager
def mounted(folder: Path) -> Iterator[str]:
    """Headrace in an application of somebody else's."""
    (folder / "host.py").write_text(APPLICATION)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "host:app", "--port", str(port), "--app-dir", str(folder)]
    environment = {"PATH": "/usr/bin:/bin", "HEADRACE_DATA_DIR": str(folder / "data")}
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as host:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until and host.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{url}{ROOT}/readyz", trust_env=False).is_success:
                    break
            time.sleep(0.05)
        try:
            yield url
        finally:
            host.terminate()


@pytest.fixture(scope="module", params=["passed on", "stripped", "mounted"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A host that shows Headrace below the root path."""
    folder = tmp_path_factory.mktemp("host")
    with ExitStack() as stack:
        if request.param == "mounted":
            yield stack.enter_context(mounted(folder))
            return
        server = stack.enter_context(running_server(folder, embedder="none", root_path=ROOT))
        yield server.url if request.param == "passed on" else stack.enter_context(nginx(folder, server, STRIPPING))


def test_the_page_works_below_the_root_path_and_asks_for_nothing_above_it(
    browser: Open, host: str, tmp_path: Path
) -> None:
    name = f"sluice-{uuid4().hex[:6]}.txt"
    (tmp_path / name).write_text(f"The sluice {name} is opened by hand in spring. " * 30)
    with browser() as page:
        assert isinstance(page, PlaywrightPage)
        asked: list[str] = []
        complaints: list[str] = []
        page.page.on("request", lambda request: asked.append(request.url))
        page.page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto(f"{host}{ROOT}")  # without the slash: one is led to it
        wait_for(page, "document.querySelector('.pill[data-state=live]')")

        page.upload("#files", tmp_path / name)
        row = f"[...document.querySelectorAll('[data-part=job]')].find(one => one.ariaLabel === '{name}')"
        wait_for(page, f"{row}?.dataset.state === 'completed'")
        page.run("location.hash = '#/search?q=sluice'")
        wait_for(page, "document.querySelector('[data-part=passage] mark')")
        page.run("location.hash = '#/system'")
        wait_for(page, "document.querySelector('a.button[href=docs]')")
        links = page.run("return [...document.querySelectorAll('a.button')].map(one => one.href)")

        answers = [page.page.request.get(link) for link in [*links, f"{host}{ROOT}/openapi.json"]]
        assert [answer.status for answer in answers] == [200] * len(answers)
        assert all(urlsplit(link).path.startswith(f"{ROOT}/") for link in links)
        assert "default-src 'self'" in answers[0].headers["content-security-policy"]
    assert complaints == []
    above = [url for url in asked if urlsplit(url).path != ROOT and not urlsplit(url).path.startswith(f"{ROOT}/")]
    assert above == []


def test_every_transport_works_below_the_root_path(host: str) -> None:
    base = f"{host}{ROOT}"
    heard: list[dict[str, object]] = []
    with (
        httpx.Client(base_url=base, trust_env=False, timeout=WAIT_SECONDS) as client,
        socketio.SimpleClient(request_timeout=WAIT_SECONDS) as socket,
    ):
        socket.connect(host, socketio_path=f"{ROOT}/socket.io", wait_timeout=int(WAIT_SECONDS))
        sent = client.post("/ingest/async", data={"text_content": f"A weir {uuid4().hex}."}).raise_for_status()
        where = sent.headers["Location"]
        with client.stream("GET", f"/jobs/{sent.json()['job_id']}/events") as stream:
            assert "job.completed" in "".join(stream.iter_text())
        while not heard or heard[-1].get("type") != "job.completed":
            heard.append(socket.receive(timeout=WAIT_SECONDS)[1])

    assert where == f"{ROOT}/jobs/{sent.json()['job_id']}"
    assert httpx.get(f"{host}{where}", trust_env=False).json()["status"] == "completed"
