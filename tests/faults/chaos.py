"""What the fault tests share: their seed and length, patience, whom to kill, and what must hold afterwards."""

import json
import os
import random
import signal
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from tests.running import RunningServer

SEED = int(os.environ.get("HEADRACE_SEED") or random.SystemRandom().randrange(1_000_000))
"""Of everything random here; `HEADRACE_SEED` plays a run's choices again."""

IS_SOAK = os.environ.get("HEADRACE_SOAK") == "1"
TIMEOUT = 14_400 if IS_SOAK else 600
"""Seconds for one test: on a busy machine a killed server takes its time to come back."""

Found = TypeVar("Found")

ENDED = {"completed", "failed", "cancelled"}
SAMPLES = Path(__file__).parents[2] / "src/headrace/cli/samples"


def pick(short: int, soak: int) -> int:
    """The count of this run: short in `make test`, long in `make soak`."""
    return soak if IS_SOAK else short


def tell(promise: str, figure: str) -> None:
    """Print what a test has shown, and the seed that shows it again. `HEADRACE_FIGURES` names a file that keeps it.

    `promise` is that of docs/reliability.md, or several, and after a comma what was done: "P1, uploads".
    """
    print(f"\n{promise}: {figure} (HEADRACE_SEED={SEED})")
    if (figures := os.environ.get("HEADRACE_FIGURES")) is not None:
        test = os.environ["PYTEST_CURRENT_TEST"].partition(" ")[0].partition("[")[0]
        form = "soak" if IS_SOAK else "short"
        told = {"promise": promise, "figure": figure, "seed": SEED, "form": form, "test": test}
        with Path(figures).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(told, ensure_ascii=False)}\n")


def until(look: Callable[[], Found], seconds: float, what: str) -> Found:
    """What `look` finds, once it finds something; for other programs' states, which nobody signals."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return found


def query(server: RunningServer, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of a server's SQLite file, read past the server."""
    with closing(sqlite3.connect(f"file:{server.data_dir / 'headrace.db'}?mode=ro", uri=True, timeout=30)) as file:
        return file.execute(statement, values).fetchall()


def worker_of(server: RunningServer) -> int | None:
    """The pid of the server's worker; None while there is none."""
    for pid in server.pids[1:]:
        with suppress(psutil.Error):
            if "worker" in psutil.Process(pid).cmdline():
                return pid
    return None


def kill(pid: int | None) -> None:
    """kill -9 of one process, which may be gone already."""
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_server_alone(server: RunningServer) -> list[int]:
    """kill -9 of the server and of nothing below it; returns the pids that were below it."""
    pid, *below = server.pids
    kill(pid)
    psutil.Process(pid).wait(10)
    server.kill()  # only reaps: nobody is left whom it knows
    return below


def job_of(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """A job as the server tells it."""
    answer = client.get(f"/jobs/{job_id}")
    assert answer.status_code == httpx.codes.OK, answer.text
    job: dict[str, Any] = answer.json()
    return job


def wait_for_end(client: httpx.Client, job_id: str, seconds: float = 180.0) -> dict[str, Any]:
    """The job once it has ended."""
    until(lambda: job_of(client, job_id)["status"] in ENDED, seconds, f"the end of {job_of(client, job_id)}")
    return job_of(client, job_id)


def events_of(client: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    """All events of a job's log."""
    events: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        parameters = {"after": cursor} if cursor else {}
        page = client.get(f"/jobs/{job_id}/events", params=parameters, headers={"accept": "application/json"}).json()
        if not page["events"]:
            return events
        events += page["events"]
        cursor = page["next_cursor"]


def check_log(events: Iterable[dict[str, Any]]) -> None:
    """One job's events: numbered 1..n; progress never falls within an attempt, and is whole at a good end alone."""
    told = list(events)
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    reached = 0.0
    for event in told:
        reached = 0.0 if event["type"] == "job.received" else reached
        assert reached <= event["progress"] <= 1.0, event
        assert (event["progress"] == 1.0) == (event["type"] == "job.completed"), event
        assert event["total_chunks"] != 0, event
        reached = event["progress"]


def check_numbers(server: RunningServer) -> int:
    """Every user's stream is numbered 1..n, and every job's; returns how many events there are."""
    users: defaultdict[str, list[int]] = defaultdict(list)
    jobs: defaultdict[str, list[int]] = defaultdict(list)
    for user, number, job, sequence in query(server, "SELECT user_id, number, job_id, sequence FROM event ORDER BY 2"):
        users[user].append(number)
        if job:
            jobs[job].append(sequence)
    for numbers in (*users.values(), *jobs.values()):
        assert numbers == list(range(1, len(numbers) + 1))
    return sum(len(numbers) for numbers in users.values())


def chunks_of(server: RunningServer) -> dict[str, list[tuple[int, str]]]:
    """What readers can find: the live chunks of every document, by file name."""
    found: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    statement = """SELECT filename, ordinal, text FROM chunk JOIN document USING (document_id)
        WHERE version = live_version AND is_indexed ORDER BY filename, ordinal"""
    for filename, ordinal, text in query(server, statement):
        found[filename].append((ordinal, text))
    return dict(found)


def check_nothing_is_left(server: RunningServer) -> None:
    """No job, document or piece of work is unfinished, and no chunk is kept that nobody can find."""
    unfinished = "status IN ('pending', 'running')"
    assert query(server, f"SELECT job_id, status FROM job WHERE {unfinished}") == []
    assert query(server, "SELECT * FROM document WHERE processing_status IN ('pending', 'processing')") == []
    assert query(server, "SELECT * FROM item WHERE stage NOT IN ('completed', 'failed', 'cancelled')") == []
    queued = "SELECT workflow_uuid, status FROM workflow_status WHERE status IN ('PENDING', 'ENQUEUED')"
    until(lambda: not query(server, queued), 10, "the engine has nothing left to do")
    unseen = """SELECT count(*) FROM chunk LEFT JOIN document USING (document_id)
        WHERE live_version IS NULL OR version <> live_version"""
    until(lambda: query(server, unseen) == [(0,)], 10, "chunks of versions that are not live are gone")
