"""Pages are recognized once, although everything is killed between them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.chaos import until, wait_for_end
from tests.running import running_server
from tests.services import needs
from tests.unit.pipeline.documents import scans

PAGES = [(f"Page number {word}", "of the book of the mill") for word in ("one", "two", "three", "four", "five", "six")]


def recognized(database: Path) -> dict[bytes, tuple[str, str]]:
    """Text and time of each page that is kept; of one that is recognized again, the later time."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT key, text, created_at FROM recognition").fetchall()
    return {key: (text, created_at) for key, text, created_at in rows}


@pytest.mark.timeout(400)
def test_what_is_recognized_survives_a_kill_between_pages(tmp_path: Path) -> None:
    needs("tesseract", "tesseract-ocr")
    with running_server(tmp_path, embedder="none", ocr_languages="eng") as server:
        database = server.data_dir / "headrace.db"
        with server.client() as client:
            job = client.post("/ingest", files={"file": ("book.pdf", scans(*PAGES))}).json()["job_id"]
            until(lambda: len(recognized(database)) >= 2, 120, "two pages are recognized")
        server.kill()
        before = recognized(database)
        assert len(before) < len(PAGES)
        server.start()
        with server.client() as client:
            ended = wait_for_end(client, job, 240)
            hits = client.post("/query", json={"query": "mill", "mode": "keyword"}).json()["results"]

        assert (ended["status"], ended["stats"]["failed_pages"]) == ("completed", 0)
        after = recognized(database)
        assert len(after) == len(PAGES)
        assert {key: after[key] for key in before} == before
        assert sorted(hit["page"] for hit in hits) == [1, 2, 3, 4, 5, 6]

        with server.client() as client:
            (document,) = client.get("/documents").json()["documents"]
            client.delete(f"/documents/{document['document_id']}").raise_for_status()
        until(lambda: not recognized(database), 120, "the texts are gone with the document")
