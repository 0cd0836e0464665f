"""A real `headrace serve` as a subprocess: started, stopped, killed and restarted on one data directory and port."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.services import free_port

COMMAND = Path(sys.executable).parent / "headrace"
START_SECONDS = 120.0
STOP_SECONDS = 30.0


class RunningServer:
    """One installation. Settings travel as `HEADRACE_<NAME>`; what it prints is kept in `log`."""

    def __init__(self, folder: Path, settings: Mapping[str, object] | None = None, options: Sequence[str] = ()) -> None:
        self.options = options
        self.folder = folder
        self.data_dir = folder / "data"
        self.log = folder / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        outside = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self.environment = outside | {"HEADRACE_URL": self.url, "HEADRACE_DATA_DIR": str(self.data_dir)}
        self.environment |= {f"HEADRACE_{name.upper()}": str(value) for name, value in (settings or {}).items()}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pids(self) -> list[int]:
        """The server's own pid, then those of its worker and all below it; empty when it is not running."""
        if self._process is None or self._process.poll() is not None:
            return []
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children(recursive=True)
            return [self._process.pid, *(child.pid for child in children)]
        return [self._process.pid]

    def start(self) -> "RunningServer":
        """Return once `/readyz` answers 200."""
        with self.log.open("ab") as log:
            arguments = [str(COMMAND), "serve", "--host", "127.0.0.1", "--port", str(self.port), *self.options]
            self._process = subprocess.Popen(
                arguments, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._await_ready(self._process)
        return self

    def stop(self) -> int:
        """Ask politely (SIGTERM), then say what it exited with."""
        process, pids = self._taken()
        process.terminate()
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the server does not stop on SIGTERM within {STOP_SECONDS:.0f} s:\n{self.tail()}")
        finally:
            _end(pids)
            process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """kill -9 of the server, its worker and everything below them, at once."""
        process, pids = self._taken()
        _end(pids)
        process.wait(STOP_SECONDS)

    def restart(self) -> "RunningServer":
        """Stop and start, on the same data and port."""
        self.stop()
        return self.start()

    def close(self) -> None:
        """Leave nothing running, whatever state it is in."""
        if self._process is not None:
            self.kill()

    def client(self, **options: object) -> httpx.Client:
        """An HTTP client whose base is this server."""
        given: dict[str, Any] = {"base_url": self.url, "trust_env": False, "timeout": 30.0} | options
        return httpx.Client(**given)

    def wait_until_idle(self, seconds: float = 120.0) -> None:
        """Return once every job has ended, as what an earlier test has left in work."""
        deadline = time.monotonic() + seconds
        with self.client() as client:
            while any((counts := client.get("/jobs/stats").json())[state] for state in ("pending", "running")):
                assert time.monotonic() < deadline, f"not within {seconds:.0f} s idle: {counts}"
                time.sleep(0.05)

    def run(self, *arguments: object, timeout: float = 60.0, **options: object) -> subprocess.CompletedProcess[str]:
        """One `headrace` command beside this server, without a terminal."""
        given: dict[str, Any] = {"env": self.environment, "cwd": self.folder, "stdin": subprocess.DEVNULL} | options
        command = [str(COMMAND), *map(str, arguments)]
        return subprocess.run(command, timeout=timeout, capture_output=True, text=True, **given)

    def tail(self, lines: int = 20) -> str:
        """The end of what the server printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _taken(self) -> tuple[subprocess.Popen[bytes], list[int]]:
        assert self._process is not None, "the server was not started"
        process, pids = self._process, self.pids
        self._process = None
        return process, pids

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                pytest.fail(f"headrace serve exited with {process.returncode}:\n{self.tail()}")
            if self._is_ready():
                return
            time.sleep(0.05)
        pytest.fail(f"/readyz is not 200 within {START_SECONDS:.0f} s:\n{self.tail()}")

    def _is_ready(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", trust_env=False, timeout=2).status_code == httpx.codes.OK
        return False


def _end(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def running_server(folder: Path, **settings: object) -> Iterator[RunningServer]:
    """A started server in `folder` that is gone afterwards, even if it was killed and restarted within."""
    server = RunningServer(folder, settings)
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server of this test's own; a folder whose tests use it names it in its `conftest.py`."""
    with running_server(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server for all tests of a module, for those that neither stop it nor count what is in it."""
    with running_server(tmp_path_factory.mktemp("server")) as started:
        yield started
