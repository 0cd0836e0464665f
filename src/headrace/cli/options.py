"""The options that several commands take, and what is made of them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.cli.terminal import USAGE, complain

if TYPE_CHECKING:
    from headrace.client import Client
    from headrace.settings import Settings

Url = Annotated[
    str, typer.Option("--url", envvar="HEADRACE_URL", metavar="URL", help="The server to speak to.", show_default=True)
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
JobIds = Annotated[list[str], typer.Argument(metavar="JOB...", help="One or more job ids.")]
Collection = Annotated[
    str | None,
    typer.Option("--collection", "-c", "--workspace", "-w", metavar="NAME", help="The workspace, made on first use."),
]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]
Host = Annotated[str | None, typer.Option(help="The address to listen on (HEADRACE_HOST, 127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="The port to listen on (HEADRACE_PORT, 8011).")]
DataDir = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where everything is kept (HEADRACE_DATA_DIR).")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="HEADRACE_DATABASE_URL or DATABASE_URL; SQLite in the data folder by default."),
]
DEFAULT_URL = "http://127.0.0.1:8011"


def connect(url: str) -> "Client":
    """The client of `--url`, speaking as `HEADRACE_TOKEN`."""
    from headrace.client import Client

    try:
        return Client(url, token=os.environ.get("HEADRACE_TOKEN") or None)
    except ValueError as error:
        raise usage(str(error)) from error


def settings_from(**given: Any) -> "Settings":
    """The settings of the environment, with those options on top that were given."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from headrace.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except SettingsError as error:  # its sentence names the setting; why it does not parse is in its cause
        raise usage(f"a setting cannot be meant so: {error}: {error.__cause__}") from error
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {_said(one['msg'])}" for one in error.errors())
        raise usage(f"a setting cannot be meant so: {found}") from error


def _said(message: str) -> str:
    return message.removeprefix("Value error, ").lower()


def usage(text: str) -> typer.Exit:
    """To be raised: says what is wrong with the command's use."""
    complain(text)
    return typer.Exit(USAGE)
