"""`headrace documents`: list, show and delete."""

from functools import partial
from typing import Annotated

import typer

from headrace.cli.options import DEFAULT_URL, Limit, Url, connect
from headrace.cli.pages import first
from headrace.cli.terminal import is_terminal, print_json, say

group = typer.Typer(help="See and delete documents.", no_args_is_help=True, rich_markup_mode=None)

Workspace = Annotated[str | None, typer.Option("--workspace", "-w", metavar="NAME", help="Only those in it.")]
Status = Annotated[str | None, typer.Option(help="Only those that are pending, processing, ready or failed.")]
DocumentId = Annotated[str, typer.Argument(metavar="DOCUMENT", help="The document's id.")]
DocumentIds = Annotated[list[str], typer.Argument(metavar="DOCUMENT...", help="One or more document ids.")]


def register(app: typer.Typer) -> None:
    """Add the group of this file."""
    app.add_typer(group, name="documents")


@group.command("list")
def list_documents(
    workspace: Workspace = None, status: Status = None, limit: Limit = 20, url: Url = DEFAULT_URL
) -> None:
    """The newest documents."""
    with connect(url) as client:
        found = first(partial(client.list_documents, workspace=workspace, status=status), "documents", limit)
    if not is_terminal():
        for one in found:
            print_json(one)
    elif found:
        from headrace.cli.tables import print_documents

        print_documents(found)
    else:
        say("no such documents" if workspace or status else "no documents yet; begin with: headrace ingest FILE")


@group.command("show")
def show_document(document: DocumentId, url: Url = DEFAULT_URL) -> None:
    """One document, with what was found out about it."""
    with connect(url) as client:
        found = client.get_document(document)
    if not is_terminal():
        print_json(found)
        return
    from headrace.cli.tables import print_document

    print_document(found)


@group.command()
def delete(documents: DocumentIds, url: Url = DEFAULT_URL) -> None:
    """Delete documents, their passages and their bytes. There is no way back."""
    with connect(url) as client:
        for document_id in documents:
            client.delete_document(document_id)
            if is_terminal():
                say(f"{document_id} is deleted")
            else:
                print_json({"document_id": document_id, "deleted": True})
