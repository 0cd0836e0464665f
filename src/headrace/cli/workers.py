"""`headrace workers`: who works, and on what."""

import typer

from headrace.cli.options import DEFAULT_URL, Url, connect
from headrace.cli.terminal import is_terminal, print_json, say


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(workers)


def workers(url: Url = DEFAULT_URL) -> None:
    """List the workers and what each has in hand."""
    with connect(url) as client:
        found = client.list_workers()["workers"]
    if not is_terminal():
        for one in found:
            print_json(one)
    elif found:
        from headrace.cli.tables import print_workers

        print_workers(found)
    else:
        say("no worker is there; start one with: headrace worker")
