"""`headrace watch`, and the display that `ingest` and `demo` share: bars for a person, JSON lines for a program."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from headrace.cli.options import DEFAULT_URL, JobId, Url, connect
from headrace.cli.pages import every
from headrace.cli.patience import PATIENCE_SECONDS, patiently
from headrace.cli.terminal import DETACHED, DONE, JOB_FAILED, complain, is_terminal, print_json
from headrace.model.vocabulary import JobStatus, Stage

if TYPE_CHECKING:
    from headrace.client import Client


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(watch)


def watch(job: JobId, url: Url = DEFAULT_URL) -> None:
    """Watch a job until it has ended. Ctrl-C detaches; the work goes on."""
    with connect(url) as client:
        raise typer.Exit(show(client, [job]))


def show(client: "Client", job_ids: list[str]) -> int:
    """Show the jobs one after the other; the exit code of the worst."""
    from headrace.client.errors import ServerUnreachable

    codes = []
    for place, job_id in enumerate(job_ids):
        try:
            codes.append(_show_one(client, job_id))
        except KeyboardInterrupt:
            _say_how_to_come_back("detached", job_ids[place:])
            raise typer.Exit(DETACHED) from None
        except ServerUnreachable:
            _say_how_to_come_back("the server is away", job_ids[place:])
            raise
    return max(codes, default=DONE)


def _say_how_to_come_back(why: str, job_ids: list[str]) -> None:
    for job_id in job_ids:
        complain(f"{why}; watch it again with: headrace watch {job_id}")


def _show_one(client: "Client", job_id: str) -> int:
    if is_terminal():
        from headrace.cli.bars import show_bars

        show_bars(client, job_id, PATIENCE_SECONDS)
    else:
        for frame in client.follow(job_id, patience_seconds=PATIENCE_SECONDS):
            print_json(frame)
    return verdict(client, job_id)


def verdict(client: "Client", job_id: str) -> int:
    """The exit code that an ended job stands for; names what failed on standard error."""
    job = patiently(lambda: client.get_job(job_id))
    if job["failed_items"]:
        for document in patiently(lambda: list(failed_documents(client, job_id))):
            complain(f"❌ {document['filename']}: {reason(document)}")
    if job["status"] == JobStatus.COMPLETED:
        return DONE
    complain(f"job {job_id} {job['status']}: {job.get('error_message') or job.get('message') or 'no reason was given'}")
    return JOB_FAILED


def failed_documents(client: "Client", job_id: str) -> Iterator[dict[str, Any]]:
    """The documents of a job that failed."""
    return (document for document in all_documents(client, job_id) if document["stage"] == Stage.FAILED)


def all_documents(client: "Client", job_id: str) -> Iterator[dict[str, Any]]:
    """Every document of a job, however many pages that takes."""
    return every(partial(client.job_documents, job_id), "documents")


def reason(document: Mapping[str, Any]) -> str:
    """Why a document failed, in the server's words."""
    return str(document["error_message"] or "no reason was given")
