"""`headrace serve` and `headrace worker`: the two processes of the product."""

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli.options import DatabaseUrl, DataDir, Host, Port, settings_from, usage

if TYPE_CHECKING:
    from headrace.settings import Settings

Auth = Annotated[
    str | None, typer.Option(metavar="off|required", help="Whether every request needs a token (HEADRACE_AUTH, off).")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Answer other machines although nobody logs in: the network is trusted.")
]
RootPath = Annotated[
    str | None, typer.Option(metavar="PATH", help="Below which a proxy shows the server (HEADRACE_ROOT_PATH, none).")
]
NoWorker = Annotated[bool, typer.Option("--no-worker", help="Start no worker: there are some elsewhere (Postgres).")]
Capacity = Annotated[
    int | None, typer.Option(metavar="N", help="Jobs, and slices of large ones, at once (HEADRACE_WORKER_CAPACITY).")
]
Tags = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Take the jobs of workspaces that ask for these, too (HEADRACE_WORKER_TAGS)."),
]
WatchInput = Annotated[bool, typer.Option(hidden=True, help="Stop when standard input ends: the parent is gone.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(serve)
    app.command()(worker)


def serve(  # noqa: PLR0913 - its options
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    auth: Auth = None,
    insecure: Insecure = False,
    no_worker: NoWorker = False,
    root_path: RootPath = None,
) -> None:
    """Run the server, with a worker beside it."""
    given = {"host": host, "port": port, "data_dir": data_dir, "database_url": database_url, "auth": auth}
    given |= {"root_path": root_path}
    settings = settings_from(**given, insecure=insecure or None)
    write_log(settings)
    warn_of_unknown_variables()
    trace(settings, "headrace-server")
    with without_collections():
        from headrace.server.serve import serve as run

        check_embedder(settings)
    raise typer.Exit(run(settings, with_worker=not no_worker))


def worker(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    capacity: Capacity = None,
    tags: Tags = None,
    watch_input: WatchInput = False,
) -> None:
    """Run a worker alone: beside a server on Postgres, or to work off a queue."""
    named = None if tags is None else tuple(filter(None, (tag.strip() for tag in tags.split(","))))
    given = {"data_dir": data_dir, "database_url": database_url, "worker_capacity": capacity, "worker_tags": named}
    settings = settings_from(**given)
    write_log(settings)
    if not watch_input:  # the parent has said it
        warn_of_unknown_variables()
    trace(settings, "headrace-worker")
    with without_collections():
        from headrace.engine.worker import run

        check_embedder(settings)
    raise typer.Exit(run(settings, watch_input=watch_input))


@contextmanager
def without_collections() -> Iterator[None]:
    """Import here what stays for good: to look for garbage in it while it grows takes a tenth of a start and more."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def check_embedder(settings: "Settings") -> None:
    """Say at the start, not with every document, that there is no such embedder."""
    from headrace.pipeline import embed

    try:
        embed.check(embed.Options(**settings.embedders))
    except ValueError as error:
        raise usage(str(error)) from error


def write_log(settings: "Settings") -> None:
    """Send the product's log to standard error; other libraries are heard from a warning on."""
    from headrace.server.redaction import formatter

    handler = logging.StreamHandler()
    handler.setFormatter(formatter(settings.log_format, is_terminal=sys.stderr.isatty()))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("headrace").setLevel(settings.log_level)
    logging.getLogger("headrace.access").disabled = not settings.access_log


def warn_of_unknown_variables() -> None:
    """Say what was meant as a setting and is none: it would be missed without a word."""
    from headrace.settings import unknown_variables

    for told in unknown_variables(os.environ):
        logging.getLogger(__name__).warning("%s", told)


def trace(settings: "Settings", service: str) -> None:
    """Send traces where the settings say."""
    if settings.otlp_endpoint is None:
        return
    from headrace.telemetry import tracing

    try:
        tracing.start(settings.otlp_endpoint, service)
    except tracing.NotInstalled as error:
        raise usage(str(error)) from error
