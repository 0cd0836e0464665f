"""A folder of many files, and a list of many documents: what the page has to do stays small. `-s` shows the figures.

1,570 files and 10,000 documents with HEADRACE_SOAK=1.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.engines import Open, Page, PlaywrightPage, wait_for
from tests.browser.watching import Cost, Watched
from tests.running import RunningServer

ENGINE = "chromium"
IS_SOAK = os.environ.get("HEADRACE_SOAK") == "1"
DOCUMENTS, FILES = (10_000, 1_570) if IS_SOAK else (900, 620)
LONG_SECONDS = 900.0 if IS_SOAK else 120.0
HEAP_BYTES = 40_000_000
LIST = "document.querySelector('.virtual')"
HEADLINE = "document.querySelector('[data-part=batch] h2')?.textContent"

pytestmark = pytest.mark.timeout(2 * LONG_SECONDS)


@pytest.fixture(scope="module")
def filled(server: RunningServer) -> RunningServer:
    """The server with many documents in it."""
    messages = [{"text": f"Sluice number {number} is opened by hand in spring."} for number in range(DOCUMENTS)]
    with server.client(timeout=LONG_SECONDS) as client:
        client.post("/ingest/batch", params={"sync": True}, json={"messages": messages}).raise_for_status()
    return server


@pytest.fixture
def page(browser: Open, filled: RunningServer) -> Iterator[Page]:
    """The page of the filled server, live."""
    with browser() as opened:
        opened.goto(f"{filled.url}/")
        wait_for(opened, "document.querySelector('.pill[data-state=live]')")
        yield opened


def watch(page: Page) -> Watched:
    assert isinstance(page, PlaywrightPage)
    return Watched(page)


def check(cost: Cost, what: str, *, most_requests: int) -> None:
    print(f"\n{what}: {cost}")
    assert cost.elements < 1_000
    assert cost.heap_bytes < HEAP_BYTES
    assert cost.requests["events"] == 0, "the one stream was there before"
    assert cost.requests.total() <= most_requests, cost.requests


def test_a_list_of_many_documents_is_scrolled_to_its_end(page: Page, filled: RunningServer) -> None:
    with filled.client() as client:
        count = sum(job["total_items"] for job in client.get("/jobs").raise_for_status().json()["jobs"])
    assert count >= DOCUMENTS
    watched = watch(page)
    page.run("location.hash = '#/documents'")
    wait_for(page, f"{LIST}?.querySelector('li')")
    scroll = f"{LIST}.scrollTop += {LIST}.clientHeight * 0.8"
    at_the_end = (
        f"{LIST}.scrollTop + {LIST}.clientHeight > {LIST}.scrollHeight - 2"
        f" && {LIST}.querySelector('li').ariaSetSize === '{count}'"
    )

    wait_for(page, f"({scroll}) && ({at_the_end})", LONG_SECONDS)

    assert page.run(f"return {LIST}.querySelectorAll('li').length") <= 40
    check(watched.take(), f"scrolling through {count:,} documents", most_requests=count // 200 + 10)


def test_a_folder_of_many_files_is_sent_and_followed(page: Page, tmp_path: Path) -> None:
    for number in range(FILES):
        text = f"Note {number}. The headrace leads the water of the river to the wheel. " * 20
        (tmp_path / f"note-{number:04}.txt").write_text(text)
    page.upload("#files", *sorted(tmp_path.glob("note-*.txt")))
    wait_for(page, "document.querySelector('[data-part=preflight] [type=submit]')")
    watched = watch(page)

    page.run("document.querySelector('[data-part=preflight] [type=submit]').click()")
    wait_for(page, f"{HEADLINE}?.includes(' of ')", LONG_SECONDS)
    wait_for(page, f"(scrollBy(0, 200 * (Math.random() - 0.4)), {HEADLINE}?.includes('can be asked'))", LONG_SECONDS)
    wait_for(page, "document.querySelector('.toast')?.textContent.includes('Resource Ready!')")

    cost = watched.take()
    check(cost, f"{FILES:,} files in one drop", most_requests=200)
    assert cost.requests["ingest/async"] == -(-FILES // 500)
    assert cost.toasts <= cost.requests["ingest/async"], "one for each request, at most"
    told = page.run(f"return {HEADLINE}").replace("\u202f", "")
    assert told.startswith(f"{FILES} files")


def test_a_batch_is_not_over_while_more_of_it_is_being_sent(page: Page, tmp_path: Path) -> None:
    assert isinstance(page, PlaywrightPage)
    for number in range(501):  # one more than goes in one request
        (tmp_path / f"late-{number:03}.txt").write_text(f"Late note {number} of the weir.")
    page.upload("#files", *sorted(tmp_path.glob("late-*.txt")))
    wait_for(page, "document.querySelector('[data-part=preflight] [type=submit]')")
    held: list[Any] = []
    page.page.route("**/ingest/async*", lambda route: held.append(route))
    page.run("document.querySelector('[data-part=preflight] [type=submit]').click()")
    while len(held) < 2:
        page.page.wait_for_timeout(20)

    held[0].continue_()
    wait_for(page, "/^(\\d+) of \\1 files?$/.test(" + HEADLINE + ")", LONG_SECONDS)
    wait_for(page, "document.querySelector('[data-part=batch]').innerText.includes('more is being sent')")
    held[1].continue_()

    wait_for(page, f"{HEADLINE} === '501 files can be asked now'", LONG_SECONDS)
