"""A copy of an installation is served as it is, and nobody who watched the original takes its log for theirs."""

import json
from pathlib import Path

from tests.faults.chaos import until, wait_for_end
from tests.faults.test_kills import submit
from tests.running import RunningServer, running_server


def first_frame(server: RunningServer, path: str, cursor: str) -> dict[str, object]:
    """What a watcher is told first who comes back with a cursor."""
    with server.client() as client, client.stream("GET", path, headers={"Last-Event-ID": cursor}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                frame: dict[str, object] = json.loads(line[6:])
                return frame
    raise AssertionError("nothing was told")


def test_a_served_backup_resets_the_watchers_of_the_original_and_goes_on_with_its_jobs(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    for folder in (original, copy):
        folder.mkdir()
    with running_server(original, embedder="none") as server, server.client() as client:
        job = submit(client, {"weir.txt": b"the tangerine weir holds"})
        wait_for_end(client, job)
        paused = submit(client, {"later.txt": b"the sluice comes later"})
        until(lambda: client.post(f"/jobs/{paused}/pause").status_code in (200, 409), 30, "it is paused, or done")
        cursor = client.get(f"/jobs/{job}").json()["last_event_id"]
        done = server.run("db", "backup", copy / "data")
        assert done.returncode == 0, done.stderr
        after = submit(client, {"after.txt": b"not in the copy"})
        wait_for_end(client, after)
    with running_server(copy, embedder="none") as restored, restored.client() as client:
        for path in ("/events", f"/jobs/{job}/events"):
            frame = first_frame(restored, path, cursor)
            assert frame["type"] == "reset", frame
            assert str(frame["event_id"]).partition("-")[0] != cursor.partition("-")[0]
        assert client.get(f"/jobs/{after}").status_code == 404
        client.post(f"/jobs/{paused}/resume")
        assert wait_for_end(client, paused)["status"] == "completed"
        hits = client.post("/query", json={"query": "tangerine", "mode": "keyword"}).json()["results"]
        assert [hit["filename"] for hit in hits] == ["weir.txt"]
