"""With authentication the page asks for a token, keeps a cookie in its place, and says when that is worth nothing."""

import json
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.browser.engines import Open, Page, PlaywrightPage, wait_for
from tests.browser.scenarios import TEXT, press
from tests.running import RunningServer, running_server

ENGINE = "chromium"
DIALOG = "document.querySelector('dialog[open][aria-label=\"Sign in\"]')"
PILL = "document.querySelector('.pill')"
LIVE = f"{PILL}?.dataset.state === 'live'"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server where everybody has to log in."""
    with running_server(
        tmp_path_factory.mktemp("login"), embedder="none", auth="required", stream_retry_seconds=0.2
    ) as started:
        yield started


@pytest.fixture
def page(browser: Open) -> Iterator[Page]:
    """A page that nobody has opened yet."""
    with browser() as opened:
        yield opened


def token_of(server: RunningServer, user: str) -> str:
    return server.run("token", "create", "--user", user).stdout.strip()


def revoke_all(server: RunningServer, user: str) -> None:
    for line in server.run("token", "list").stdout.splitlines():
        told = json.loads(line)
        if told["user_id"] == user and not told.get("revoked_at"):
            assert server.run("token", "revoke", told["token_id"]).returncode == 0


def sign_in(page: Page, token: str) -> None:
    wait_for(page, DIALOG)
    page.run(f"document.querySelector('#token').value = '{token}'")
    press(page, DIALOG, "Sign in")


def test_the_page_asks_once_for_a_token_and_a_reload_does_not_ask_again(page: Page, server: RunningServer) -> None:
    assert isinstance(page, PlaywrightPage)
    streams: list[str] = []
    page.page.on("request", lambda request: streams.append(request.url) if request.url.endswith("/events") else None)
    page.goto(f"{server.url}/")
    wait_for(page, DIALOG)
    assert page.run(f"return {PILL}.textContent") == "Not signed in"

    sign_in(page, "hr_wrong")
    wait_for(page, f"{DIALOG}?.querySelector('[role=alert]')?.textContent.includes('does not know that token')")
    page.press("Escape", "Escape", "Escape")
    wait_for(page, DIALOG)  # there is nothing to go back to
    assert "Nothing here yet" not in page.run("return document.querySelector('main').innerText"), "nobody has looked"
    assert len(streams) == 1, "a refusal is not asked for again"

    sign_in(page, token_of(server, "anna"))
    wait_for(page, LIVE)
    assert page.run(f"return {DIALOG}") is None
    page.goto(f"{server.url}/#/system")
    page.page.reload()
    wait_for(page, LIVE)
    wait_for(page, "document.body.innerText.includes('anna')")
    assert page.run("return document.cookie") == "", "no script sees it"


def test_an_empty_inbox_offers_what_works_with_this_server(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/")
    sign_in(page, token_of(server, f"new-{uuid4().hex[:6]}"))
    lines = "[...document.querySelectorAll('.empty pre')].map(one => one.textContent)"
    wait_for(page, f"{lines}[1]?.includes('Authorization: Bearer $HEADRACE_TOKEN')")
    assert all(server.url in line for line in page.run(f"return {lines}"))

    press(page, "document.querySelector('.empty')", "Send the sample text")

    wait_for(page, "document.querySelector('[data-part=job]')?.dataset.state === 'completed'")


def test_a_token_that_is_taken_back_stops_every_tab_and_another_one_lets_them_go_on(
    page: Page, server: RunningServer
) -> None:
    name = f"bert-{uuid4().hex[:6]}"
    page.goto(f"{server.url}/")
    sign_in(page, token_of(server, name))
    wait_for(page, LIVE)
    with page.another() as second:
        second.goto(f"{server.url}/#/jobs")
        wait_for(second, LIVE)
        page.run("window.same = true")

        revoke_all(server, name)

        for tab in (page, second):
            wait_for(tab, DIALOG)
            wait_for(tab, f"{PILL}.textContent === 'Not signed in'")
        assert "Your session is over" in page.run(f"return {DIALOG}.textContent")
        token = token_of(server, name)
        with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
            sent = client.post("/ingest/async", files={"file": (f"{name}.txt", TEXT)}).raise_for_status()

        sign_in(page, token)

        for tab in (page, second):
            wait_for(tab, LIVE)
            wait_for(tab, f"!{DIALOG}")
            wait_for(
                tab, f"document.querySelector('[data-job=\"{sent.json()['job_id']}\"]')?.dataset.state === 'completed'"
            )
        assert page.run("return window.same") is True, "it was not loaded anew"


def test_another_user_finds_nothing_of_the_one_before(page: Page, server: RunningServer) -> None:
    first, second = (f"{name}-{uuid4().hex[:6]}" for name in ("cara", "dora"))
    page.goto(f"{server.url}/")
    token = token_of(server, first)
    sign_in(page, token)
    wait_for(page, LIVE)
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        sent = client.post("/ingest/async", files={"file": (f"{first}.txt", TEXT)}).raise_for_status()
    job = f"document.querySelector('[data-job=\"{sent.json()['job_id']}\"]')"
    wait_for(page, f"{job}?.dataset.state === 'completed'")

    revoke_all(server, first)
    sign_in(page, token_of(server, second))

    wait_for(page, f"{LIVE} && document.querySelector('.empty')")
    assert page.run(f"return {job}") is None
