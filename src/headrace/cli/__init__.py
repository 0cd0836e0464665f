"""The command line: one file for each group of commands, and nothing heavy imported before a command runs.

Exit codes: 0 done, 1 a job failed or its state does not allow it, 2 usage, 3 no server, 130 detached.
"""

import sys
from typing import Annotated, NoReturn

import typer

from headrace.cli import (
    database,
    demo,
    doctor,
    documents,
    ingest,
    jobs,
    query,
    serve,
    tokens,
    watch,
    workers,
    workspaces,
)
from headrace.cli.failures import told
from headrace.cli.terminal import prepare_streams

app = typer.Typer(
    name="headrace",
    help="Document ingestion with live, durable progress.",
    epilog="Exit codes: 0 done, 1 a job failed or its state does not allow it, 2 usage, 3 no server, 130 detached.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"headrace {version('headrace')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    del version


for module in (serve, ingest, watch, jobs, documents, query, workers, workspaces, tokens, database, demo, doctor):
    module.register(app)


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code."""
    prepare_streams()
    try:
        app(prog_name="headrace")
    except Exception as error:
        code = told(error)
        if code is None:
            raise
        sys.exit(code)
    sys.exit(0)
