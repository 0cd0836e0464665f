"""`headrace demo`: a server of its own, sample documents, bars, and answers, from one command."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.cli.options import DataDir, usage
from headrace.cli.terminal import JOB_FAILED, NO_SERVER, complain, is_terminal, say

if TYPE_CHECKING:
    from headrace.client import Client

SAMPLES = Path(__file__).parent / "samples"
QUESTIONS = (
    "why does ice block the trash rack of a mill",
    "why did the iron get hotter although cold air was blown through it",
    "wie wahrscheinlich ist ein hundertjährliches Hochwasser in dreißig Jahren",
)
START_SECONDS = 60.0
FreePort = Annotated[int | None, typer.Option(min=1, max=65535, help="The port to listen on (a free one).")]
_OWN_PLACE = frozenset({"DATABASE_URL", "HEADRACE_DATABASE_URL", "HEADRACE_DATA_DIR", "HEADRACE_HOST"})


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(demo)


def demo(port: FreePort = None, data_dir: DataDir = None) -> None:
    """Start a server, ingest sample documents, ask questions. On a terminal it then serves until Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server goes, too
    with tempfile.TemporaryDirectory(prefix="headrace-demo-", ignore_cleanup_errors=True) as temporary:
        folder = data_dir or Path(temporary)
        with _serving(folder, _usable(port)) as (url, server):
            code = _tour(url)
            say(f"\nThe page is at {url}/")
            if is_terminal():
                _stay(server)
        raise typer.Exit(code)


def _tour(url: str) -> int:
    from headrace.client import Client

    with Client(url) as client:
        files = sorted(path for path in SAMPLES.iterdir() if path.is_file() and not path.name.startswith("."))
        say(f"ingesting {len(files)} sample documents ...")
        job_id = client.submit_files(files, collection_name="demo")["job_id"]
        code = _watched(client, job_id)
        answered = [_ask(client, question) for question in QUESTIONS]
    return code if all(answered) else JOB_FAILED


def _watched(client: "Client", job_id: str) -> int:
    from headrace.cli.watch import show, verdict

    if is_terminal():
        return show(client, [job_id])
    told = ""
    for frame in client.follow(job_id):
        line = _line(frame)
        if line != told:
            say(line)
            told = line
    code = verdict(client, job_id)
    job = client.get_job(job_id)
    return JOB_FAILED if job["failed_items"] else code


def _line(frame: Mapping[str, Any]) -> str:
    """A plain line of progress; in steps of 10 %, so that a log stays readable."""
    from headrace.cli.board import SIGNS
    from headrace.model.vocabulary import Stage

    stage = Stage(frame["stage"])
    tens = int(frame["progress_percent"] // 10 * 10)
    return f"{SIGNS[stage]} {stage.value} {tens:3d} %, {frame['processed_items']} of {frame['total_items']} documents"


def _ask(client: "Client", question: str) -> bool:
    from headrace.cli.query import page_of

    say(f"\n❓ {question}?")
    results = client.query(question, top_k=1)["results"]
    if not results:
        complain("no passage was found")
        return False
    best = results[0]
    page = page_of(best)
    text = " ".join(best["text"].split())
    say(f"   {text[:400]}{'…' if len(text) > 400 else ''}")
    say(f"   — {best['filename']}{f', page {page}' if page else ''}")
    return True


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server on `port`, ready; gone afterwards."""
    url = f"http://127.0.0.1:{port}"
    log = folder / "demo.log"
    folder.mkdir(parents=True, exist_ok=True)
    say(f"starting a server at {url} ...")
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603
            _command(folder, port), env=_environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        _await_ready(url, server, log)
        yield url, server
    finally:
        server.terminate()
        server.wait()


def _command(folder: Path, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "headrace",
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--data-dir",
        str(folder),
    ]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _OWN_PLACE}


def _await_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    from headrace.client import Client
    from headrace.model.errors import HeadraceError

    deadline = time.monotonic() + START_SECONDS
    with Client(url) as client:
        while time.monotonic() < deadline and server.poll() is None:
            try:
                client.ready()
            except HeadraceError:
                time.sleep(0.05)
            else:
                return
    complain(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")
    raise typer.Exit(NO_SERVER)


def _stay(server: subprocess.Popen[bytes]) -> None:
    say("Drop a file of your own there. Ctrl-C stops the demo.")
    try:
        server.wait()
    except KeyboardInterrupt:
        say("")


def _usable(wanted: int | None) -> int:
    """The wanted port, or any, that nobody has."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise usage(f"port {wanted} cannot be used: {(error.strerror or 'it is taken').lower()}") from error
        return int(probe.getsockname()[1])
