"""`headrace serve` and `headrace worker`: the two processes of the product."""

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


def worker(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Run one more worker, for a server on Postgres."""
    settings = settings_from(data_dir=data_dir, database_url=database_url)
    from headrace.engine.worker import run

    raise typer.Exit(run(settings))
