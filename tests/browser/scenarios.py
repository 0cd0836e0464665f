"""What must hold on the page in every engine."""

import json
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.browser.cutting import CuttingProxy
from tests.browser.engines import AXE, WAIT_SECONDS, Page, wait_for
from tests.running import RunningServer
from tests.services import Missing

EVENTS = 50
CUT_EVERY = 10
ROOMS = ("inbox", "documents", "jobs", "search?q=water", "workspaces", "system")
TEXT = "The headrace leads the water of the river to the wheel. " * 40


def card(job_id: str) -> str:
    return f"document.querySelector('[data-job=\"{job_id}\"]')"


def begin_task(client: httpx.Client) -> str:
    """A job that goes on until it is told otherwise."""
    answer = client.post("/tasks", json={"title": f"Reindex {uuid4().hex[:6]}", "total": EVENTS})
    return str(answer.raise_for_status().json()["job_id"])


def send_text(client: httpx.Client, name: str) -> str:
    files = {"file": (name, TEXT + name)}
    return str(client.post("/ingest/async", files=files).raise_for_status().json()["job_id"])


class Scenarios:
    """Each module has them for its engine."""

    def test_a_document_is_followed_until_it_can_be_asked(
        self, page: Page, server: RunningServer, tmp_path: Path, shots: Path
    ) -> None:
        name = f"handbook-{uuid4().hex[:6]}.md"
        (tmp_path / name).write_text(f"# Handbook\n\n{TEXT} {name}")

        page.upload("#files", tmp_path / name)

        row = f"[...document.querySelectorAll('[data-part=job]')].find(one => one.ariaLabel === '{name}')"
        wait_for(page, f"{row}?.dataset.state === 'completed'")
        assert page.run(f"return {row}.querySelector('[role=progressbar]').ariaValueNow") == "100"
        wait_for(page, "document.querySelector('.toast')?.textContent.includes('Resource Ready!')")
        page.screenshot(shots / f"{page.engine}-inbox.png")

    def test_every_event_comes_over_a_line_that_is_cut_again_and_again(
        self, page: Page, server: RunningServer, proxy: CuttingProxy
    ) -> None:
        with server.client() as client:
            job_id = begin_task(client)
            page.goto(f"{proxy.url}/#/jobs/{job_id}")
            wait_for(page, "document.querySelector('.pill[data-state=live]')")
            for number in range(1, EVENTS + 1):
                client.post(f"/tasks/{job_id}/advance", json={"count": 1}).raise_for_status()
                if number % CUT_EVERY == 0:
                    assert proxy.cut_next(WAIT_SECONDS)
            client.post(f"/tasks/{job_id}/finish", json={}).raise_for_status()
            told = client.get(f"/jobs/{job_id}/events", headers={"Accept": "application/json"}).json()["events"]

            wait_for(page, "document.querySelector('[data-part=job-page]')?.dataset.state === 'completed'")
            wait_for(page, f"document.querySelector('[data-part=log]').dataset.count === '{len(told)}'")
        assert [one["seq"] for one in told] == list(range(1, len(told) + 1))
        assert len(told) >= EVENTS

    def test_an_open_page_goes_on_after_the_server_was_killed_and_started_again(
        self, page: Page, server: RunningServer
    ) -> None:
        server.kill()
        wait_for(page, "document.querySelector('.pill')?.dataset.state === 'reconnecting'")
        server.start()
        with server.client() as client:
            job_id = send_text(client, f"after-{uuid4().hex[:6]}.txt")

        wait_for(page, f"{card(job_id)}?.dataset.state === 'completed'")
        wait_for(page, "document.querySelector('.pill').dataset.state === 'live'")

    def test_while_the_server_is_away_nothing_looks_as_if_it_went_on(self, page: Page, server: RunningServer) -> None:
        with server.client() as client:
            send_text(client, f"there-{uuid4().hex[:6]}.txt")
            job_id = begin_task(client)
            page.goto(f"{server.url}/#/jobs")
            client.post(f"/tasks/{job_id}/advance", json={"count": 5}).raise_for_status()
            wait_for(page, f"{card(job_id)}?.innerText.includes(' left')")
        water = f"{card(job_id)}.querySelector('.bar > i')"
        assert page.run(f"return getComputedStyle({water}).position") == "relative", "or its shimmer fills the bar"
        buttons = f"[...{card(job_id)}.querySelectorAll('button')].filter(one => /Pause|Cancel/.test(one.textContent))"

        server.kill()
        wait_for(page, "document.querySelector('[data-part=lost]')?.textContent.startsWith('Not connected')")
        assert page.run(f"return {buttons}.map(one => one.disabled)") == [True, True]
        assert " left" not in page.run(f"return {card(job_id)}.innerText")
        page.run("location.hash = '#/documents'")
        wait_for(page, "document.querySelector('main .notice[data-kind=bad]')?.textContent.includes('does not answer')")
        assert "Nothing here yet" not in page.run("return document.querySelector('main').innerText")

        server.start()
        wait_for(page, "!document.querySelector('[data-part=lost]')")
        wait_for(page, "document.querySelector('[data-part=document]')")
        page.run("location.hash = '#/jobs'")
        wait_for(page, f"{buttons}.some(one => !one.disabled)")
        with server.client() as client:
            client.post(f"/jobs/{job_id}/cancel").raise_for_status()

    @pytest.mark.parametrize(
        ("address", "said"),
        [("nowhere", "no such page"), ("jobs/none", "no such job"), ("jobs/%E0%A4%A", "no such job")],
    )
    def test_an_address_that_leads_nowhere_says_so_and_shows_a_way_back(
        self, page: Page, server: RunningServer, address: str, said: str
    ) -> None:
        page.goto(f"{server.url}/?{uuid4().hex}#/{address}")  # opened anew, as from a bookmark
        wait_for(page, f"document.querySelector('[data-part=not-found] h1')?.textContent.includes('{said}')")
        page.run("document.querySelector('[data-part=not-found] a').click()")
        wait_for(page, "!document.querySelector('[data-part=not-found]')")

    def test_another_page_begins_at_its_top_and_the_way_back_leads_to_where_one_was(
        self, page: Page, server: RunningServer
    ) -> None:
        with server.client() as client:
            jobs = [send_text(client, f"long-{number}-{uuid4().hex[:6]}.txt") for number in range(12)]
        page.run("location.hash = '#/jobs'")
        for job_id in jobs:
            wait_for(page, f"{card(job_id)}?.dataset.state === 'completed'")
        page.run("scrollTo(0, 700)")
        wait_for(page, "scrollY > 600")

        page.run(f"{card(jobs[0])}.querySelector('a').click()")
        wait_for(page, "document.querySelector('[data-part=job-page]') && scrollY === 0")
        assert page.run("return document.activeElement.id") == "room", "the keyboard is in it, too"

        page.run("history.back()")
        wait_for(page, f"{card(jobs[0])} && scrollY > 600")

    def test_the_settings_of_a_workspace_are_shown_as_they_are(self, page: Page, server: RunningServer) -> None:
        name = f"mill-{uuid4().hex[:6]}"
        with server.client() as client:
            body = {"name": name, "rag_config": {"chunk_size": 64, "search_mode": "keyword"}}
            client.post("/workspaces", json=body).raise_for_status()
        page.run("location.hash = '#/workspaces'")
        shown = f"document.querySelector('[aria-label={name}]')"
        wait_for(page, shown)
        press(page, shown, "Settings")

        wait_for(page, f"{shown}.querySelector('[name=chunk_size]')?.value === '64'")
        assert page.run(f"return {shown}.querySelector('[name=search_mode]').value") == "keyword"

    def test_two_tabs_share_one_stream(self, page: Page, server: RunningServer) -> None:
        with page.another() as second, server.client() as client:
            second.goto(f"{server.url}/")
            wait_for(second, "document.querySelector('.pill[data-state=live]')")
            job_id = send_text(client, f"shared-{uuid4().hex[:6]}.txt")
            for tab in (page, second):
                wait_for(tab, f"{card(job_id)}?.dataset.state === 'completed'")
            held = [tab.run("return document.querySelector('.pill').title") for tab in (page, second)]

        assert sorted("held by this tab" in title for title in held) == [False, True]

    def test_a_job_is_cancelled_at_the_press_of_a_button(self, page: Page, server: RunningServer) -> None:
        with server.client() as client:
            job_id = begin_task(client)
            page.goto(f"{server.url}/#/jobs")
            wait_for(page, f"{card(job_id)}?.dataset.state === 'running'")

            press(page, f"{card(job_id)}", "Cancel")

            wait_for(page, f"{card(job_id)}?.dataset.state === 'cancelled'")
            assert client.get(f"/jobs/{job_id}").json()["status"] == "cancelled"
            assert "Retry" not in page.run(f"return {card(job_id)}.innerText"), "nothing cancelled is tried again"

    def test_a_document_that_failed_says_why_and_can_be_tried_again(
        self, page: Page, server: RunningServer, tmp_path: Path
    ) -> None:
        name = f"scan-{uuid4().hex[:6]}.pdf"
        (tmp_path / name).write_bytes(b"%PDF-1.4 broken")
        page.upload("#files", tmp_path / name)
        row = f"[...document.querySelectorAll('[data-part=job]')].find(one => one.ariaLabel === '{name}')"
        wait_for(page, f"{row}?.dataset.state === 'failed'")
        wait_for(page, f"{row}.querySelector('[data-part=failures]')?.textContent.includes('damaged')")
        wait_for(page, f"{row}.innerText.includes('damaged')")  # a card is laid out when it comes into view
        said = page.run(f"return {row}.innerText")
        assert said.count("damaged") == 1, f"the reason is said once: {said}"
        job_id = page.run(f"return {row}.dataset.job")

        press(page, row, "Retry")

        page.goto(f"{server.url}/#/jobs/{job_id}")
        wait_for(page, "document.querySelector('[data-part=job-page] .badge')?.textContent.includes('attempt 2')")
        wait_for(page, "document.querySelector('.error-card code')?.textContent === 'corrupt'")

    def test_a_document_can_be_chosen_for_a_chat_only_when_it_is_ready(self, page: Page, server: RunningServer) -> None:
        name = f"later-{uuid4().hex[:6]}.txt"
        box = f"document.querySelector('input[aria-label=\"Ask {name}\"]')"
        with server.client() as client:
            answer = client.post("/resources/upload?ingest=false", files={"file": (name, TEXT + name)})
            document_id = answer.raise_for_status().json()["documentId"]
            page.goto(f"{server.url}/#/documents")
            wait_for(page, box)
            assert page.run(f"return {box}.disabled") is True

            client.post(f"/resource/ingest/{document_id}").raise_for_status()

        wait_for(page, f"{box}?.disabled === false")
        page.run(f"{box}.click()")
        wait_for(page, "document.querySelector('.chosen')?.textContent.includes('1 document chosen')")

    def test_everything_is_reached_by_keyboard(self, page: Page, server: RunningServer) -> None:
        page.press("?")
        wait_for(page, "document.querySelector('dialog[open]')?.ariaLabel === 'Keyboard help'")
        page.press("Escape")
        wait_for(page, "!document.querySelector('dialog')")
        page.press("g", "d")
        wait_for(page, "location.hash === '#/documents'")
        page.press("/")
        wait_for(page, "document.activeElement.id === 'ask'")
        page.press(*"wheel", "Enter")
        wait_for(page, "location.hash === '#/search?q=wheel'")
        wait_for(page, "document.querySelector('main h1')?.textContent === 'Search'")

    def test_a_key_pressed_too_soon_deletes_nothing(self, page: Page, server: RunningServer) -> None:
        with server.client() as client:
            files = {"file": (f"kept-{uuid4().hex[:6]}.txt", TEXT)}
            document_id = client.post("/resources/upload", files=files).raise_for_status().json()["documentId"]
            page.run("location.hash = '#/documents'")
            press(page, "document.querySelector('main')", "Delete all")
            wait_for(page, "document.activeElement.textContent === 'Keep them'")

            page.press("Enter")

            wait_for(page, "!document.querySelector('dialog')")
            assert client.get(f"/documents/{document_id}").status_code == 200

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_nothing_is_found_by_axe(self, page: Page, server: RunningServer, theme: str, shots: Path) -> None:
        if not AXE.exists():
            raise Missing("axe-core", "npm ci --prefix web")
        with server.client() as client:
            job_id = send_text(client, f"seen-{theme}.txt")
            wait_for(page, f"{card(job_id)}?.dataset.state === 'completed'")
        page.run(f"document.documentElement.dataset.theme = '{theme}'")
        page.run(AXE.read_text() + "; window.axe = axe")
        found = []
        for room in (*ROOMS, f"jobs/{job_id}"):
            page.run(f"location.hash = '#/{room}'")
            wait_for(page, "document.querySelector('main h1, main h2')")
            page.run("window.found = null; axe.run().then((all) => { window.found = JSON.stringify(all.violations) })")
            for one in json.loads(wait_for(page, "window.found")):
                nodes = [node["html"][:160] + " " + node["failureSummary"][:200] for node in one["nodes"][:3]]
                found.append((room, one["id"], nodes))
        page.screenshot(shots / f"{page.engine}-job-{theme}.png")
        assert found == [], json.dumps(found, indent=1)

    def test_it_is_drawn_on_a_phone(self, page: Page, proxy: CuttingProxy, shots: Path) -> None:
        page.open_at(390, f"{proxy.url}/")
        wait_for(page, "document.querySelector('.pill[data-state=live]')")
        for room in ROOMS:
            page.run(f"location.hash = '#/{room}'")
            wait_for(page, "document.querySelector('main h1')")
            assert page.run("return document.documentElement.scrollWidth") <= 390
        page.screenshot(shots / f"{page.engine}-phone.png")

    @pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1440, "light")])
    def test_of_a_folder_of_fifty_files_one_sees_what_failed_and_what_can_be_asked_by_keyboard_alone(
        self,
        page: Page,
        server: RunningServer,
        proxy: CuttingProxy,
        tmp_path: Path,
        shots: Path,
        width: int,
        theme: str,
    ) -> None:
        word = f"penstock{uuid4().hex[:6]}"
        server.wait_until_idle()  # what other tests have left in work would count as part of the folder
        page.open_at(width, f"{proxy.url}/")
        wait_for(page, "document.querySelector('.pill[data-state=live]')")
        page.run(f"document.documentElement.dataset.theme = '{theme}'; window.told = []")
        page.upload("#files", *folder_of_fifty(tmp_path, word))
        wait_for(page, "document.querySelector('[data-part=preflight] h2')?.textContent.startsWith('Send 50 files')")
        page.run(
            "new MutationObserver(() => told.push(document.querySelector('[data-part=batch]')?.innerText ?? ''))"
            ".observe(document.querySelector('main'), { childList: true, characterData: true, subtree: true })"
        )
        wait_for(page, "document.activeElement.textContent === 'Send 50 files'")
        page.press("Enter")

        # where are they, and how long still?
        wait_for(page, "told.some((one) => /^\\d+ of 50 files/.test(one))")
        wait_for(page, "told.some((one) => /about .* left/.test(one))")
        # what failed, and why?
        rows = "[...document.querySelectorAll('[data-part=failures] li')].map((one) => one.textContent)"
        wait_for(page, f"{rows}.filter((one) => /^broken-[12]-{word}.pdf .*damaged/.test(one)).length === 2")
        # can I ask now?
        headline = "document.querySelector('[data-part=batch] h2')?.textContent"
        wait_for(page, f"{headline} === '48 files can be asked now'")
        assert "2 failed" in page.run("return document.querySelector('[data-part=batch]').innerText")
        assert page.run("return document.documentElement.scrollWidth") <= width
        page.screenshot(shots / f"{page.engine}-folder-{width}.png")
        page.press("/")
        wait_for(page, "document.activeElement.id === 'ask'")
        page.press(*word, "Enter")
        wait_for(page, f"document.querySelector('[data-part=passage]')?.innerText.includes('{word}')")
        assert not page.run("return told.some((one) => /NaN|undefined|0 of 0/.test(one))")


def folder_of_fifty(folder: Path, word: str) -> list[Path]:
    """Files of several kinds; two of them cannot be read."""
    wrap = {
        "md": "# Mill {0}\n\n{1}",
        "txt": "Mill {0}. {1}",
        "html": "<h1>Mill {0}</h1><p>{1}</p>",
        "csv": "mill,text\n{0},{1}",
    }
    kinds = list(wrap)
    for number in range(48):
        kind = kinds[number % len(kinds)]
        (folder / f"mill-{number:02}.{kind}").write_text(wrap[kind].format(number, f"{TEXT} {word} {number} " * 40))
    for number in (1, 2):
        (folder / f"broken-{number}-{word}.pdf").write_bytes(b"%PDF-1.4 broken " + word.encode() * number)
    return sorted(folder.iterdir())


def press(page: Page, inside: str, label: str) -> None:
    """Press the button that reads so."""
    button = f"[...{inside}.querySelectorAll('button')].find(one => one.textContent.trim().startsWith('{label}'))"
    wait_for(page, button)
    page.run(f"{button}.click()")
