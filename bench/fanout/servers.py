"""The servers that are compared, each started for one measurement and alone on its core."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any

import psutil

from bench.fanout import install
from tests.services import free_ports

SERVER_CORE, LOAD_CORE = 0, 1
START_SECONDS = 30.0
FIRST = -15
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server under load: where it is watched, where it is published to, and the processes that count."""

    ports: tuple[int, ...]
    publish_port: int
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """`command` gives what starts it on a port, with a folder of its own; raises `Missing` where it cannot be had.

    `writer` gives what is published to in its stead: the product's server only reads what a worker has committed.
    Of `processes` that share their folder, each has a port of its own, and as many of the watchers as the others.
    """

    name: str
    wire: str
    command: Callable[[int, Path], list[str]]
    writer: Callable[[int, Path], list[str]] | None = None
    processes: int = 1


def _python(module: str) -> Callable[[int, Path], list[str]]:
    def command(port: int, folder: Path) -> list[str]:
        return [sys.executable, "-m", f"bench.fanout.{module}", str(folder), str(port)]

    return command


def _uvicorn(app: str) -> Callable[[int, Path], list[str]]:
    def command(port: int, _folder: Path) -> list[str]:
        options = "--loop uvloop --http httptools --backlog 4096 --log-level error --no-access-log"
        peers = str(install.HERE / "peers")
        return [str(install.python()), "-m", "uvicorn", *options.split(), "--port", str(port), "--app-dir", peers, app]

    return command


def _node(script: str) -> Callable[[int, Path], list[str]]:
    def command(port: int, _folder: Path) -> list[str]:
        return [install.needs("node", "nodejs"), str(install.node_folder() / script), str(port)]

    return command


def _nginx(port: int, folder: Path) -> list[str]:
    modules = install.nchan_modules()
    text = Template((install.HERE / "peers/nchan.conf").read_text())
    (folder / "nginx.conf").write_text(text.substitute(modules=modules, folder=folder, port=port))
    folder.chmod(0o755)  # its worker is another user
    return [install.needs("nginx", "nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def _limit(port: int, _folder: Path) -> list[str]:
    return [str(install.compiled("limit")), str(port)]


HEADRACE = Server(name="Headrace", wire="sse", command=_python("hub"), writer=_python("writer"))
HEADRACE_PAIR = replace(HEADRACE, name="two of Headrace", processes=2)
SSE_STARLETTE = Server(name="sse-starlette", wire="sse", command=_uvicorn("sse_starlette_peer:app"))
BETTER_SSE = Server(name="better-sse (Node)", wire="sse", command=_node("better_sse_peer.mjs"))
NCHAN = Server(name="nchan (nginx, C)", wire="sse", command=_nginx)
LIMIT = Server(name="C epoll loop", wire="sse", command=_limit)
HEADRACE_SOCKETIO = Server(
    name="Headrace, Socket.IO", wire="socketio", command=_python("hub"), writer=_python("writer")
)
PYTHON_SOCKETIO = Server(name="python-socketio", wire="socketio", command=_uvicorn("python_socketio_peer:app"))
NODE_SOCKETIO = Server(name="socket.io (Node)", wire="socketio", command=_node("socketio_peer.mjs"))


@contextmanager
def running(server: Server) -> Iterator[Running]:
    """The server, ready, on a core of its own; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="headrace-fanout-") as name, ExitStack() as stack:
        folder, (publish_port, *ports) = Path(name), free_ports(1 + server.processes)
        started = [stack.enter_context(_process(server.command(port, folder), port, SERVER_CORE)) for port in ports]
        if server.writer is not None:
            stack.enter_context(_process(server.writer(publish_port, folder), publish_port, LOAD_CORE))
        family = [one for process in started for one in (process, *process.children(recursive=True))]
        pids = tuple(one.pid for one in family)
        yield Running(ports=tuple(ports), publish_port=publish_port if server.writer else ports[0], pids=pids)


@contextmanager
def _process(command: list[str], port: int, core: int) -> Iterator[psutil.Process]:
    process = start(command, core)
    try:
        _wait_until_ready(process, port)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        process.kill()
        process.wait()


def start(command: list[str], core: int, **options: Any) -> subprocess.Popen[Any]:
    """Start a program on a core, before whatever else the machine is busy with where that may be done."""
    if (os.cpu_count() or 1) > LOAD_CORE:
        command = ["taskset", "-c", str(core), *command]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True, **options)
    with suppress(OSError):  # Linux shares the processor out between sessions first, and only within each by niceness
        Path(f"/proc/{process.pid}/autogroup").write_text(str(FIRST))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, FIRST)
    return process


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start")
