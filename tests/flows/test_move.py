"""An installation outgrows SQLite: moved with one command, and whoever watches notices nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contracts.test_log import new_postgres
from tests.faults.chaos import check_log, events_of, until, wait_for_end
from tests.flows.test_postgres import submit
from tests.running import RunningServer, running_server
from tests.unit.pipeline.documents import pdf

BIRDS = {
    "heron.txt": b"a heron stands in the shallow water below the weir",
    "falcon.txt": b"a falcon circles over the cliffs and the sea",
    "wren.pdf": pdf(["a wren sings in the hedge", "and hides from the falcon"]),
}
QUESTIONS = ("heron weir", "falcon cliffs", "wren hedge")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server"), min_free_disk_bytes=0) as started:
        yield started


def answers(client: httpx.Client) -> dict[str, list[tuple[str, str]]]:
    """The best passage for each question, in each way of searching."""
    found: dict[str, list[tuple[str, str]]] = {}
    for mode in ("keyword", "vector", "hybrid"):
        for question in QUESTIONS:
            body = {"query": question, "mode": mode, "workspace": "birds", "top_k": 1}
            results = client.post("/query", json=body).json()["results"]
            found[f"{mode} {question}"] = [(hit["chunk_id"], hit["text"]) for hit in results]
    return found


def state(client: httpx.Client) -> list[Any]:
    return [client.get(path).json() for path in ("/documents", "/workspaces", "/jobs/stats", "/rag-config/default")]


@pytest.mark.timeout(300)
def test_a_moved_installation_answers_as_before_and_its_watchers_resume(
    server: RunningServer, postgres_url: str, tmp_path: Path
) -> None:
    with server.client() as client:
        done = submit(client, BIRDS, "birds")
        assert wait_for_end(client, done)["failed_items"] == 0
        before, log, answered = state(client), events_of(client, done), answers(client)
        running = submit(client, {"book.pdf": pdf([f"page {page} of the book" for page in range(1500)])}, "books")
        until(lambda: client.get(f"/jobs/{running}").json()["stats"]["pages"], 60, "the book is being read")
        with new_postgres(postgres_url) as url:
            target = url.replace("+psycopg", "")
            refused = server.run("db", "move", "--to", target)
            assert refused.returncode == 1
            assert "runs on" in refused.stderr
            seen = events_of(client, running)
            server.stop()

            moved = server.run("db", "move", "--to", target)
            assert moved.returncode == 0, moved.stderr
            assert "the same on both sides" in moved.stdout
            again = server.run("db", "move", "--to", target)
            assert again.returncode == 1
            assert "not empty" in again.stderr

            here = {"database_url": target, "data_dir": server.data_dir, "min_free_disk_bytes": 0}
            with running_server(tmp_path, **here) as there, there.client() as moved_client:
                now = state(moved_client)
                assert [now[0]["documents"][-3:], now[1]["workspaces"][-1], now[3]] == [
                    before[0]["documents"], before[1]["workspaces"][-1], before[3]
                ]  # fmt: skip
                assert events_of(moved_client, done) == log
                assert answers(moved_client) == answered
                assert wait_for_end(moved_client, running, 120)["failed_items"] == 0
                later = moved_client.get(f"/jobs/{running}/events", params={"after": seen[-1]["event_id"]}).text
                assert '"reset"' not in later
                whole = events_of(moved_client, running)
                check_log(whole)
                assert whole[: len(seen)] == seen
                # New rows take numbers that were never given out.
                assert wait_for_end(moved_client, submit(moved_client, {"new.txt": b"a new page"}, "birds"))[
                    "failed_items"
                ] == 0  # fmt: skip


def test_what_is_left_behind_is_nobodys_log_any_more(tmp_path: Path) -> None:
    """Once its epoch was renewed, as a move does, an old installation answers positions in its log with a reset."""
    with running_server(tmp_path, min_free_disk_bytes=0) as server:
        with server.client() as client:
            done = submit(client, {"heron.txt": BIRDS["heron.txt"]}, "birds")
            wait_for_end(client, done)
            seen = events_of(client, done)
        server.stop()

        old = server.run("db", "renew-epoch")
        assert old.returncode == 0
        assert "start the servers again" in old.stdout

        server.start()
        with server.client() as client:
            answer = client.get(f"/jobs/{done}/events", params={"after": seen[-1]["event_id"]})
            assert '"reset"' in answer.text
            assert [one["seq"] for one in events_of(client, done)] == [one["seq"] for one in seen]
