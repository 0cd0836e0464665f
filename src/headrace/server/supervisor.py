"""Keeps one worker process alive beside the server. The worker ends when its standard input does: with us."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from types import TracebackType

from headrace.settings import Settings
from headrace.telemetry import metrics

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0
HEALTHY_SECONDS = 10.0
STOP_SECONDS = 5.0


class Supervisor:
    """A context in which a worker runs; one that dies is started again, after longer pauses when it keeps dying."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_alive, name="headrace-supervisor", daemon=True)

    def __enter__(self) -> "Supervisor":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(STOP_SECONDS)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _keep_alive(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            lived = time.monotonic() - started
            pause = FIRST_PAUSE_SECONDS if lived > HEALTHY_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
            metrics.worker_restarts.inc()
            logger.warning("the worker ended with code %d; starting another in %.2f s", code, pause)
            self._stopping.wait(pause)

    def _run_once(self) -> int:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "headrace", "worker", "--watch-input"],
            stdin=subprocess.PIPE,
            process_group=0,  # what a terminal's Ctrl-C means for it, we say
            env=os.environ | _environment(self._settings),
        )
        with self._process:  # holds the pipe open: the worker ends when this process is gone
            return self._process.wait()


def _environment(settings: Settings) -> dict[str, str]:
    """The settings in force, whether they came as options or from the environment."""
    given = settings.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    values = given | {"data_dir": str(settings.data_dir)}
    return {
        f"HEADRACE_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
