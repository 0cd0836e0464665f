"""Tabs that sleep, tabs that are closed, and a network that is away: nothing is lost, and nothing is told twice.

A page of the test's own records what the client tells it. A tab that sleeps is one that the debugger has stopped: what
Chromium's developer tools call frozen goes on to hear of streams.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.browser.cutting import CuttingProxy
from tests.browser.engines import LOOK_SECONDS, WAIT_SECONDS, Open, Page, PlaywrightPage, wait_for
from tests.browser.scenarios import begin_task
from tests.running import RunningServer
from tests.services import Missing, needs

ENGINE = "chromium"
WEB = Path(__file__).parents[2] / "web"
TABS = 7
STEPS = 20
AWAY_SECONDS = 20
BUNDLE = """
import { build } from 'vite'
const input = 'packages/client/src/index.ts'
const rollupOptions = { input, preserveEntrySignatures: 'strict' }
const { output } = await build({ configFile: false, logLevel: 'error', build: { write: false, rollupOptions } })
process.stdout.write(output[0].code)
"""
PROBE = """<!doctype html><title>Probe</title><script type="module">
import { createClient } from './probe.js'
globalThis.BroadcastChannel = class extends BroadcastChannel {
  set onmessage(hear) {
    super.onmessage = (event) => window.isDeaf || hear(event)
  }
}
const client = createClient({ url: './' })
window.heard = []
window.states = []
client.on({ onEvent: (frame) => heard.push(frame) })
client.connection.subscribe(() => states.push(client.connection.getSnapshot()))
window.now = () => client.connection.getSnapshot()
</script>"""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def bundle() -> str:
    """The client as one script."""
    if not (WEB / "node_modules/vite").exists():
        raise Missing("vite", "npm ci --prefix web")
    command = [needs("node", "nodejs"), "--input-type=module", "--eval", BUNDLE]
    return subprocess.run(command, cwd=WEB, check=True, capture_output=True, text=True, timeout=300).stdout


@pytest.fixture
def page(browser: Open) -> Iterator[Page]:
    """A page that has not been anywhere."""
    with browser() as opened:
        yield opened


@pytest.fixture
def tabs(page: Page, server: RunningServer, bundle: str) -> Iterator[list[PlaywrightPage]]:
    """Seven tabs of one browser that record what they are told."""
    assert isinstance(page, PlaywrightPage)
    context = page.page.context
    context.route("**/probe.html", lambda route: route.fulfill(body=PROBE, content_type="text/html"))
    context.route("**/probe.js", lambda route: route.fulfill(body=bundle, content_type="text/javascript"))
    with ExitStack() as stack:
        opened = [page, *(stack.enter_context(page.another()) for _ in range(TABS - 1))]
        for tab in opened:
            tab.goto(f"{server.url}/probe.html")
            wait_for(tab, "window.now?.().state === 'live'")
        yield [tab for tab in opened if isinstance(tab, PlaywrightPage)]


def split(tabs: list[PlaywrightPage]) -> tuple[PlaywrightPage, list[PlaywrightPage]]:
    """The tab that holds the stream, as soon as there is exactly one, and the others."""
    until = time.monotonic() + WAIT_SECONDS
    while len(holders := [tab for tab in tabs if tab.run("return now().isHolder && now().state === 'live'")]) != 1:
        assert time.monotonic() < until, f"{len(holders)} of {len(tabs)} tabs hold the stream"
        time.sleep(LOOK_SECONDS)
    return holders[0], [tab for tab in tabs if tab is not holders[0]]


@contextmanager
def stopped(tab: PlaywrightPage) -> Iterator[None]:
    """A tab whose scripts stand still, and which keeps its locks, its connections and what waits for it."""
    devtools = tab.page.context.new_cdp_session(tab.page)
    devtools.send("Debugger.enable")
    devtools.send("Debugger.pause")
    yield
    devtools.send("Debugger.resume")
    devtools.send("Debugger.disable")


def work(server: RunningServer, job_id: str, steps: int, *, is_last: bool) -> None:
    with server.client() as client:
        for _ in range(steps):
            client.post(f"/tasks/{job_id}/advance", json={"count": 1}).raise_for_status()
        if is_last:
            client.post(f"/tasks/{job_id}/finish", json={}).raise_for_status()


def begin(server: RunningServer) -> str:
    with server.client() as client:
        return begin_task(client)


def numbers(tab: Page, job_id: str) -> list[int]:
    """Those of the job's events that a tab was told, snapshots left out."""
    told = f"heard.filter((frame) => frame.jobId === '{job_id}' && frame.type !== 'snapshot')"
    return list(tab.run(f"return {told}.map((frame) => frame.seq)"))


def has_ended(job_id: str) -> str:
    return f"heard.some((frame) => frame.jobId === '{job_id}' && frame.type === 'job.completed')"


def numbered(server: RunningServer, job_id: str) -> list[int]:
    with server.client() as client:
        events = client.get(f"/jobs/{job_id}/events", headers={"Accept": "application/json"}).json()["events"]
    return [event["seq"] for event in events]


def test_a_tab_that_is_frozen_loses_the_stream_to_another_and_finds_everything_when_it_wakes(
    tabs: list[PlaywrightPage], server: RunningServer
) -> None:
    holder, others = split(tabs)
    job_id = begin(server)
    with stopped(holder):
        work(server, job_id, STEPS, is_last=True)
        for tab in others:
            wait_for(tab, has_ended(job_id))
        split(others)
    wait_for(holder, has_ended(job_id))
    wait_for(holder, "!now().isHolder")

    expected = numbered(server, job_id)
    assert expected == list(range(1, len(expected) + 1))
    assert [numbers(tab, job_id) for tab in tabs] == [expected] * TABS
    split(tabs)


def test_a_tab_that_messages_did_not_reach_reads_what_it_missed_from_the_log(
    tabs: list[PlaywrightPage], server: RunningServer
) -> None:
    _, others = split(tabs)
    job_id = begin(server)
    others[0].run("window.isDeaf = true")
    work(server, job_id, STEPS, is_last=False)
    wait_for(others[1], f"heard.filter((frame) => frame.jobId === '{job_id}').length > {STEPS // 2}")
    assert len(numbers(others[0], job_id)) < len(numbers(others[1], job_id))
    others[0].run("window.isDeaf = false")
    work(server, job_id, STEPS, is_last=True)

    for tab in tabs:
        wait_for(tab, has_ended(job_id))

    assert [numbers(tab, job_id) for tab in tabs] == [numbered(server, job_id)] * TABS


def test_when_the_tab_that_holds_the_stream_is_closed_another_goes_on_where_it_was(
    tabs: list[PlaywrightPage], server: RunningServer
) -> None:
    job_id = begin(server)
    left = list(tabs)
    for is_last in (False, False, True):
        holder, left = split(left)
        work(server, job_id, STEPS, is_last=False)
        holder.page.close()
        work(server, job_id, STEPS, is_last=is_last)
        split(left)

    for tab in left:
        wait_for(tab, has_ended(job_id))

    assert [numbers(tab, job_id) for tab in left] == [numbered(server, job_id)] * len(left)


def test_a_network_that_was_away_is_said_and_what_was_missed_is_caught_up(
    page: Page, server: RunningServer, proxy: CuttingProxy
) -> None:
    job_id = begin(server)
    page.goto(f"{proxy.url}/#/jobs/{job_id}")
    wait_for(page, "document.querySelector('.pill[data-state=live]')")
    work(server, job_id, STEPS, is_last=False)

    proxy.go_down()
    wait_for(page, "document.querySelector('.pill')?.dataset.state === 'reconnecting'")
    assert "Reconnecting in" in page.run("return document.querySelector('.pill').textContent")
    work(server, job_id, STEPS, is_last=True)
    page.run(f"window.backAt = Date.now() + {AWAY_SECONDS * 1000}")
    wait_for(page, "Date.now() > window.backAt")
    page.run(
        "window.said = []; const pill = document.querySelector('.pill span');"
        "new MutationObserver(() => said.push(pill.textContent)).observe(pill, "
        "{ childList: true, characterData: true, subtree: true })"
    )
    proxy.come_back()

    told = numbered(server, job_id)
    wait_for(page, "document.querySelector('.pill').dataset.state === 'live'")
    wait_for(page, "document.querySelector('[data-part=job-page]')?.dataset.state === 'completed'")
    wait_for(page, f"document.querySelector('[data-part=log]').dataset.count === '{len(told)}'")
    wait_for(page, "said.some((one) => /Caught up \\d+ events/.test(one))")
