"""The examples for web developers run in a real browser, on a real server, and do what docs/web.md says of them."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.running import RunningServer
from tests.services import Missing, free_port, needs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WEB = Path(__file__).parents[2] / "web"
PLAIN = WEB / "examples/plain.html"
CHAT = WEB / "examples/chat"
TEXT = b"The sluice is opened by hand in spring. " * 50
PATIENCE_MS = 60_000
START_SECONDS = 60.0
LIVE = "[data-part=connection][data-state=live]"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise Missing("playwright", "make setup") from error
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        opened = playwright.chromium.launch(executable_path=needs("chromium"), args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    made = browser.new_page()
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@contextmanager
def chat_app(server: RunningServer, folder: Path) -> Iterator[str]:
    """The example built and served, with its proxy to a server; yields its address."""
    vite = WEB / "node_modules/.bin/vite"
    if not vite.exists():
        raise Missing("vite", "make web-check")
    needs("node", "nodejs")
    port = free_port()
    environment = os.environ | {"HEADRACE_URL": server.url}
    built = ["--outDir", str(folder / "dist"), "--emptyOutDir"]
    subprocess.run([vite, "build", *built], cwd=CHAT, env=environment, check=True, capture_output=True, timeout=120)
    command = [vite, "preview", "--outDir", str(folder / "dist"), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, cwd=CHAT, env=environment, stdout=subprocess.DEVNULL)
    try:
        _await(f"http://127.0.0.1:{port}/headrace/readyz")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _await(url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).is_success:
                return
        time.sleep(0.05)
    pytest.fail(f"{url} does not answer")


def test_the_plain_page_has_at_most_40_lines() -> None:
    assert len(PLAIN.read_text().splitlines()) <= 40


@pytest.mark.timeout(180)
def test_the_plain_page_sends_a_file_and_shows_it_to_its_end(shared_server: RunningServer, page: "Page") -> None:
    page.route("**/plain.html", lambda route: route.fulfill(path=PLAIN, content_type="text/html"))
    page.goto(f"{shared_server.url}/plain.html")
    page.set_input_files("input[type=file]", {"name": "sluice.txt", "mimeType": "text/plain", "buffer": TEXT})
    page.click("button")
    page.locator("li", has_text="completed").locator("progress[value='100']").first.wait_for()


@pytest.mark.timeout(300)
def test_the_chat_app_uploads_waits_and_answers_from_what_is_selected(
    shared_server: RunningServer, page: "Page", tmp_path: Path
) -> None:
    with chat_app(shared_server, tmp_path) as address:
        page.goto(address)
        page.locator(LIVE).wait_for()
        assert page.get_by_label("Question").is_disabled()
        page.get_by_role("button", name="Add a document").click()
        file = {"name": "meadow.txt", "mimeType": "text/plain", "buffer": TEXT + b"Meadows."}
        page.get_by_role("dialog").locator("input[type=file]").set_input_files(file)
        page.get_by_text("Resource Ready!").wait_for()
        page.get_by_role("button", name="Close").click()

        page.get_by_label("Select meadow.txt for chat").check()
        page.get_by_label("Question").fill("when is the sluice opened?")
        page.get_by_role("button", name="Ask").click()
        page.locator("blockquote", has_text="by hand in spring").first.wait_for()


@pytest.mark.timeout(300)
def test_two_tabs_of_the_chat_app_share_one_stream_and_one_toast(
    shared_server: RunningServer, browser: "Browser", tmp_path: Path
) -> None:
    context = browser.new_context()
    streams: list[str] = []
    context.on("request", lambda request: streams.append(request.url) if "/headrace/events" in request.url else None)
    with chat_app(shared_server, tmp_path) as address:
        tabs = [context.new_page() for _ in range(2)]
        for tab in tabs:
            tab.set_default_timeout(PATIENCE_MS)
            tab.goto(address)
            tab.locator(LIVE).wait_for()
        assert len(streams) == 1
        shared_server.wait_until_idle()  # what becomes ready together is told together
        file = {"name": "mill.txt", "mimeType": "text/plain", "buffer": TEXT + b"Mills."}
        tabs[0].get_by_role("button", name="Add a document").click()
        tabs[0].get_by_role("dialog").locator("input[type=file]").set_input_files(file)
        for tab in tabs:
            tab.locator("li[data-state=ready]", has_text="mill.txt").wait_for()
        toasts = [tab.get_by_text("Resource Ready!") for tab in tabs]
        until = time.monotonic() + START_SECONDS
        while not any(toast.count() for toast in toasts) and time.monotonic() < until:
            tabs[0].wait_for_timeout(50)
        told = [tab.locator("body").inner_text() for tab in tabs]
        assert sum(toast.count() for toast in toasts) == 1, told

        tabs[0].close()  # it was the first, so it held the stream: the other one goes on
        another = {"name": "weir.txt", "mimeType": "text/plain", "buffer": TEXT + b"Weirs."}
        tabs[1].get_by_role("button", name="Add a document").click()
        tabs[1].get_by_role("dialog").locator("input[type=file]").set_input_files(another)
        tabs[1].locator("li[data-state=ready]", has_text="weir.txt").wait_for()
        assert len(streams) == 2
    context.close()
