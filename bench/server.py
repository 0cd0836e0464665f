"""A server of its own for each measurement, and what it costs."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from tests.services import free_port

COMMAND = Path(sys.executable).parent / "headrace"


class Measured:
    """A running server with its worker."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, folder: Path, start_seconds: float) -> None:
        self.process, self.url, self.folder, self.start_seconds = process, url, folder, start_seconds

    @property
    def parts(self) -> list[psutil.Process]:
        """The server, its worker, and the parsers' processes."""
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def memory_bytes(self) -> int:
        """Memory that these processes do not share with others."""
        found = 0
        for part in self.parts:
            with suppress(psutil.NoSuchProcess):  # a parser that was replaced meanwhile
                found += part.memory_full_info().uss
        return found

    def cpu_seconds(self) -> float:
        """User and system time of all parts."""
        return sum(sum(part.cpu_times()[:2]) for part in self.parts)

    def http(self) -> httpx.Client:
        """A client of this server."""
        return httpx.Client(base_url=self.url, timeout=600, trust_env=False)


@contextmanager
def running(**settings: object) -> Iterator[Measured]:
    """A server on an empty folder, ready."""
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        env = {
            **os.environ,
            "HEADRACE_DATA_DIR": name,
            **{f"HEADRACE_{key.upper()}": str(v) for key, v in settings.items()},
        }
        with (folder / "log").open("wb") as log:
            started = time.perf_counter()
            process = subprocess.Popen([str(COMMAND), "serve", "--port", str(port)], env=env, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_ready(url)
            yield Measured(process, url, folder, time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(url: str) -> None:
    with httpx.Client(base_url=url, trust_env=False) as http:  # one: each takes as long to make as a tenth of the start
        while True:
            try:
                if http.get("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.02)


def finish(http: httpx.Client, job_id: str) -> dict[str, object]:
    """Watch a job's events until its end."""
    with http.stream("GET", f"/jobs/{job_id}/events") as stream:
        for _ in stream.raise_for_status().iter_bytes():
            pass
    return http.get(f"/jobs/{job_id}").raise_for_status().json()
