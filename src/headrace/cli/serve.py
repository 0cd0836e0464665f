"""`headrace serve` and `headrace worker`: the two processes of the product."""

from typing import Annotated

import typer

from headrace.cli.options import DatabaseUrl, DataDir, Host, Port, settings_from


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(serve)
    app.command()(worker)


def serve(host: Host = None, port: Port = None, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Run the server, with a worker beside it."""
    settings = settings_from(host=host, port=port, data_dir=data_dir, database_url=database_url)
    from headrace.server.serve import serve as run

    raise typer.Exit(run(settings))


WatchInput = Annotated[bool, typer.Option(hidden=True, help="Stop when standard input ends: the parent is gone.")]


def worker(data_dir: DataDir = None, database_url: DatabaseUrl = None, watch_input: WatchInput = False) -> None:
    """Run a worker alone: beside a server on Postgres, or to work off a queue."""
    settings = settings_from(data_dir=data_dir, database_url=database_url)
    from headrace.engine.worker import run

    raise typer.Exit(run(settings, watch_input=watch_input))
