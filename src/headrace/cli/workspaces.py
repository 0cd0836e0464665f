"""`headrace workspaces`: where documents are kept apart."""

import typer

from headrace.cli.options import DEFAULT_URL, Url, connect
from headrace.cli.pages import every
from headrace.cli.terminal import is_terminal, print_json, say


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(workspaces)


def workspaces(url: Url = DEFAULT_URL) -> None:
    """List the workspaces."""
    with connect(url) as client:
        found = list(every(client.list_workspaces, "workspaces"))
    if not is_terminal():
        for one in found:
            print_json(one)
    elif found:
        from headrace.cli.tables import print_workspaces

        print_workspaces(found)
    else:
        say("no workspaces yet; the first is made by: headrace ingest FILE --collection NAME")
