"""`headrace ingest`: send files, folders, a page or standard input, and watch until it can all be searched."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.cli.fetch import is_url, save_page, save_stdin
from headrace.cli.options import DEFAULT_URL, Collection, Url, connect, usage
from headrace.cli.patience import patiently
from headrace.cli.terminal import DETACHED, DONE, REFUSED, complain, is_terminal
from headrace.cli.watch import show
from headrace.model.ids import new_id

if TYPE_CHECKING:
    from headrace.cli.gather import Found
    from headrace.client import Client, LazyFile

SKIPPED_NAMED = 10

Sources = Annotated[
    list[str],
    typer.Argument(metavar="PATH...|URL|-", help="Files, folders, a page's address, or - for standard input."),
]
MetadataOption = Annotated[
    str | None, typer.Option("--metadata", "-m", metavar="JSON", help="An object kept with every document.")
]


Replace = Annotated[
    bool,
    typer.Option("--replace", help="A file that came before under the same name is that document's older version."),
]
Force = Annotated[bool, typer.Option("--force", help="Ingest again what is there already, unchanged.")]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(ingest)


def ingest(
    sources: Sources,
    collection: Collection = None,
    metadata: MetadataOption = None,
    replace: Replace = False,
    force: Force = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Send documents and watch them become searchable. Ctrl-C detaches; the work goes on."""
    from headrace.cli.gather import find_files, in_jobs

    about = _object(metadata)
    with connect(url) as client, tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        client.health()
        paths = [_local(source, Path(folder)) for source in sources]
        found = list(find_files(paths))
        skipped = [file for file in found if file.skipped is not None]
        _name(skipped, Path(folder))
        files = [file for file in found if file.skipped is None]
        left_out = REFUSED if any(file.path in paths for file in skipped) else DONE
        if not files:
            raise usage("nothing to ingest")
        try:
            job_ids = [_submit(client, lot, collection, about, replace=replace, force=force) for lot in in_jobs(files)]
        except KeyboardInterrupt:
            complain("stopped before everything was sent; see what arrived with: headrace jobs list")
            raise typer.Exit(DETACHED) from None
        raise typer.Exit(max(left_out, show(client, job_ids)))


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text) if text is not None else None
    except ValueError as error:
        raise usage(f"--metadata is not JSON: {error}") from error
    if found is not None and not isinstance(found, dict):
        raise usage('--metadata must be a JSON object, as \'{"author": "Ada"}\'')
    return found


def _local(source: str, folder: Path) -> Path:
    if source == "-":
        return save_stdin(folder)
    if is_url(source):
        return save_page(source, folder)
    path = Path(source)
    if not path.exists():
        raise usage(f"there is no file or folder {source!r}")
    return path


def _name(skipped: list["Found"], folder: Path) -> None:
    """Say on standard error what is not sent, and why; what was saved in `folder` by the name that it got there."""
    for found in skipped[:SKIPPED_NAMED]:
        shown = found.path.name if found.path.parent == folder else found.path
        complain(f"skipped {shown}: {found.skipped}")
    if len(skipped) > SKIPPED_NAMED:
        complain(f"skipped {len(skipped) - SKIPPED_NAMED} more")


def _submit(
    client: "Client",
    lot: list["Found"],
    collection: str | None,
    metadata: dict[str, Any] | None,
    *,
    replace: bool,
    force: bool,
) -> str:
    key = new_id()  # so that what is sent again is the same job, should it have arrived after all
    said = {"replace": replace, "force": force}

    def send() -> dict[str, Any]:
        with _lazily(lot) as files:
            return client.submit_files(files, collection_name=collection, metadata=metadata, key=key, **said)

    return str(patiently(send)["job_id"])


@contextmanager
def _lazily(lot: list["Found"]) -> Iterator[list["LazyFile"]]:
    """The files, with a bar of the bytes on their way where a person sees it."""
    from headrace.client import LazyFile

    if not is_terminal():
        yield [LazyFile(found.path) for found in lot]
        return
    from headrace.cli.bars import upload_bar

    with upload_bar(len(lot), sum(found.size for found in lot)) as sent:
        yield [LazyFile(found.path, on_read=sent) for found in lot]
