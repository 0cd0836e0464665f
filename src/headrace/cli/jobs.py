"""`headrace jobs`: list, show, cancel, retry, pause and resume."""

from functools import partial
from typing import Annotated

import typer

from headrace.cli.options import DEFAULT_URL, JobId, JobIds, Limit, Url, connect
from headrace.cli.pages import first
from headrace.cli.terminal import is_terminal, print_json, say
from headrace.cli.watch import all_documents

group = typer.Typer(help="See and steer jobs.", no_args_is_help=True, rich_markup_mode=None)

Status = Annotated[str | None, typer.Option(help="Only those that are pending, running, paused, completed, ...")]


def register(app: typer.Typer) -> None:
    """Add the group of this file."""
    app.add_typer(group, name="jobs")


@group.command("list")
def list_jobs(status: Status = None, limit: Limit = 20, url: Url = DEFAULT_URL) -> None:
    """The newest jobs."""
    with connect(url) as client:
        jobs = first(partial(client.list_jobs, status=status), "jobs", limit)
    if not is_terminal():
        for job in jobs:
            print_json(job)
    elif jobs:
        from headrace.cli.tables import print_jobs

        print_jobs(jobs)
    else:
        say("no jobs yet; begin with: headrace ingest FILE")


@group.command("show")
def show_job(job: JobId, url: Url = DEFAULT_URL) -> None:
    """One job, with its documents."""
    with connect(url) as client:
        found = client.get_job(job)
        if not is_terminal():
            print_json(found)
            return
        from headrace.cli.tables import print_job

        print_job(found, list(all_documents(client, job)))


@group.command()
def cancel(jobs: JobIds, url: Url = DEFAULT_URL) -> None:
    """Cancel jobs; their work stops within a second."""
    _change(url, jobs, "cancel")


@group.command()
def retry(jobs: JobIds, url: Url = DEFAULT_URL) -> None:
    """Try again what failed."""
    _change(url, jobs, "retry")


@group.command()
def pause(jobs: JobIds, url: Url = DEFAULT_URL) -> None:
    """Hold jobs; what is saved stays saved."""
    _change(url, jobs, "pause")


@group.command()
def resume(jobs: JobIds, url: Url = DEFAULT_URL) -> None:
    """Let paused jobs go on."""
    _change(url, jobs, "resume")


def _change(url: str, job_ids: list[str], verb: str) -> None:
    with connect(url) as client:
        for job_id in job_ids:
            job = getattr(client, verb)(job_id)
            if is_terminal():
                say(f"{job_id} is {job['status']}")
            else:
                print_json(job)
