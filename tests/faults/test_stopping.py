"""A server that is asked to stop says so to everyone who watches, leaves nothing behind, and goes on where it was."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.faults import chaos
from tests.faults.test_kills import slow_to_open, submit
from tests.running import RunningServer, running_server
from tests.unit.pipeline.documents import pdf

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

STOPPED_SECONDS = 10.0
GONE_SECONDS = 5.0
SERVICE_RESTART = 1012


def long_job(server: RunningServer) -> str:
    """A job that is being worked on, and will be for some seconds."""
    with server.client() as client:
        pages = [f"page {page} of the book of weirs. " * 60 for page in range(4000)]
        job = submit(client, {"book.pdf": pdf(pages), "slow.docx": slow_to_open()})
        chaos.until(lambda: chaos.job_of(client, job)["stage"] == "extracting", 30, "the job is worked on")
        return job


def read_stream(server: RunningServer, job: str, is_open: Event) -> str:
    """All that an SSE watcher is sent, until the server ends the stream; `is_open` is set with the first of it."""
    told = ""
    with server.client(timeout=60.0) as client, client.stream("GET", f"/jobs/{job}/events") as answer:
        for more in answer.iter_text():
            told += more
            is_open.set()
    return told


def read_socket(server: RunningServer, job: str, is_open: Event) -> tuple[int | None, str]:
    """How a WebSocket ended: its close code, and the last frame before it; `is_open` is set with the first."""
    last = ""
    with connect(f"{server.url.replace('http', 'ws')}/ws/{job}", close_timeout=1, proxy=None) as socket:
        try:
            while True:
                last = str(socket.recv(60))
                is_open.set()
        except ConnectionClosed as closed:
            return (closed.rcvd.code if closed.rcvd else None), last


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie: it may have nobody here to reap it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def await_end_of(pids: list[int]) -> float:
    """Seconds until none of these processes is there any more."""
    began = time.monotonic()
    chaos.until(lambda: not any(map(is_running, pids)), GONE_SECONDS, f"{pids} are gone")
    return time.monotonic() - began


def terminate(server: RunningServer) -> tuple[float, list[int]]:
    """SIGTERM to the server alone; returns how long it took to end, and what was below it."""
    (pid, *below), began = server.pids, time.monotonic()
    os.kill(pid, signal.SIGTERM)
    psutil.Process(pid).wait(STOPPED_SECONDS)
    seconds = time.monotonic() - began
    server.kill()  # only reaps
    return seconds, below


def test_streams_are_told_that_the_server_stops_and_the_job_goes_on_after_it(tmp_path: Path) -> None:
    with running_server(tmp_path, embedder="none") as server, ThreadPoolExecutor(2) as threads:
        job = long_job(server)
        opened = Event(), Event()
        stream = threads.submit(read_stream, server, job, opened[0])
        socket = threads.submit(read_socket, server, job, opened[1])
        assert all(one.wait(10) for one in opened)
        seconds, below = terminate(server)
        assert stream.result(5).endswith("retry: 1000\n\n")
        code, last = socket.result(5)
        assert code == SERVICE_RESTART
        assert json.loads(last)["status"] == "extracting"
        await_end_of(below)
        server.start()
        with server.client() as client:
            assert chaos.wait_for_end(client, job, 120)["status"] == "completed"
            chaos.check_log(chaos.events_of(client, job))
        chaos.tell("P12, SIGTERM", f"streams told and stopped within {seconds:.1f} s; the job completed after it")


def test_a_server_that_is_asked_to_stop_exits_with_0(tmp_path: Path) -> None:
    with running_server(tmp_path, embedder="none") as server:
        assert server.stop() == 0


def test_a_worker_that_is_asked_to_stop_hands_its_work_back(tmp_path: Path) -> None:
    times = chaos.pick(3, 30)
    with running_server(tmp_path, embedder="none", max_deaths=1000) as server:
        job = long_job(server)
        for number in range(times):
            worker = wait_for_reading(server, job, number)
            os.kill(worker, signal.SIGTERM)
            await_end_of([worker])
        with server.client() as client:
            ended = chaos.wait_for_end(client, job, 120)
            assert (ended["status"], ended["failed_items"]) == ("completed", 0)
            chaos.check_log(chaos.events_of(client, job))
        chaos.check_nothing_is_left(server)
        chaos.tell("P12, SIGTERM to a worker", f"a job completed over {times} of them")


def wait_for_reading(server: RunningServer, job: str, claims: int) -> int:
    """The pid of the worker, once it has taken the job's documents up more often than so."""
    taken = "SELECT min(claim), max(deaths) FROM item WHERE job_id = ? AND stage NOT IN ('completed', 'failed')"

    def look() -> bool:
        [(claim, deaths)] = chaos.query(server, taken, job)
        return bool(claim and claim > claims and deaths)  # each attempt counts as a death until something is saved

    chaos.until(look, 60, "the job is taken up")
    return chaos.worker_of(server) or 0


def test_nothing_survives_a_server_that_was_killed(tmp_path: Path) -> None:
    slowest = 0.0
    with running_server(tmp_path, embedder="none", max_deaths=1000) as server:
        job = long_job(server)
        for _ in range(chaos.pick(2, 20)):
            chaos.until(lambda: len(server.pids) >= 3, 30, "a parser is at work")
            slowest = max(slowest, await_end_of(chaos.kill_server_alone(server)))
            server.start()
        with server.client() as client:
            assert chaos.wait_for_end(client, job, 120)["status"] == "completed"
        chaos.tell("P12, children of a killed server", f"all gone within {slowest:.1f} s")


def test_however_often_a_worker_is_asked_to_stop_no_document_is_blamed_for_it(tmp_path: Path) -> None:
    times = chaos.pick(3, 30)
    with running_server(tmp_path, embedder="none", max_deaths=1) as server:
        with server.client() as client:
            job = submit(client, {"slow.docx": slow_to_open()})
        for number in range(times):
            worker = wait_for_reading(server, job, number)
            os.kill(worker, signal.SIGTERM)
            await_end_of([worker])
            assert chaos.query(server, "SELECT deaths FROM item WHERE job_id = ?", job) == [(0,)]
        with server.client() as client:
            ended = chaos.wait_for_end(client, job, 120)
            assert (ended["status"], ended["failed_items"]) == ("completed", 0)
        chaos.tell("P12, asked to stop", f"a document survived {times} of them with an attempt cap of one death")
