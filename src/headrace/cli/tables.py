"""Lists as tables, for people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headrace.cli.board import SIGNS, counter, time_left
from headrace.cli.watch import reason
from headrace.model.vocabulary import JobStatus, Stage

Rows = Sequence[Mapping[str, Any]]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
INDENT = 4


def print_jobs(jobs: Rows) -> None:
    """Jobs, one a line, and below it what there is to say of it."""
    _print_list(
        ("", "job", "status", ">documents", ">chunks", ">age"),
        [
            (
                sign(job), job["job_id"], _status(job),
                f"{job['processed_items']}/{job['total_items']}" if job["total_items"] else "",
                str(job["chunks_created"]), age(job["created_at"]),
            )
            for job in jobs
        ],
        map(_note, jobs),
    )  # fmt: skip


def print_job(job: Mapping[str, Any], documents: Rows) -> None:
    """One job in full, and its documents below it."""
    facts = Table.grid(padding=(0, 2))
    for name in ("job_id", "job_type", "status", "stage", "created_at", "started_at", "completed_at", "attempt"):
        facts.add_row(Text(name, style="dim"), Text(_fact(name, job.get(name))))
    facts.add_row(Text("progress", style="dim"), Text(f"{job['progress_percent']:.0f} %  {_note(job)}"))
    Console().print(facts)
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("", "document", "stage", "chunks", ""):
        table.add_column(name, justify="right" if name == "chunks" else "left", overflow="fold")
    for document in documents:
        why = reason(document) if document["stage"] == Stage.FAILED else ""
        chunks = counter(document["current_chunk"], document["total_chunks"])
        table.add_row(sign(document), Text(document["filename"]), document["stage"], chunks, Text(why, "red"))
    Console().print(table)


def print_documents(documents: Rows) -> None:
    """Documents, one a line, and below it why it failed."""
    _print_list(
        ("id", "status", ">chunks", ">age", "document"),
        [
            (
                one["document_id"], one["processing_status"],
                "" if one["chunk_count"] is None else str(one["chunk_count"]), age(one["created_at"]), one["filename"],
            )
            for one in documents
        ],
        (Text(one["processing_error"] or "", "red") for one in documents),
    )  # fmt: skip


def print_document(document: Mapping[str, Any]) -> None:
    """One document in full, what was found out about it last."""
    facts = Table.grid(padding=(0, 2))
    own = {name: _fact(name, value) for name, value in document.items() if name != "metadata" and value is not None}
    found = {name: _plain(value) for name, value in document["metadata"].items() if value is not None}
    for name, told in chain(own.items(), found.items()):
        facts.add_row(Text(name, style="dim"), Text(told))
    Console().print(facts)


def print_workers(workers: Rows) -> None:
    """Workers, one a line."""
    _print_list(
        ("worker", "status", ">capacity", "tags", ">jobs", ">age", "where"),
        [
            (
                one["worker_id"], one["status"], str(one["capacity"]), " ".join(one["tags"]), str(one["job_count"]),
                age(one["started_at"]), f"{one['host']}, pid {one['pid']}" if one["host"] else "",
            )
            for one in workers
        ],
    )  # fmt: skip


def print_workspaces(workspaces: Rows) -> None:
    """Workspaces, one a line, and below it what there is to say of it."""
    _print_list(
        ("id", "status", ">documents", ">age", "workspace"),
        [
            (one["workspace_id"], one["status"], str(one["document_count"]), age(one["created_at"]), one["name"])
            for one in workspaces
        ],
        (Text(one.get("status_message") or "", "dim") for one in workspaces),
    )


def sign(thing: Mapping[str, Any]) -> str:
    """The sign of the stage that a job or a document is in."""
    return SIGNS.get(Stage(thing["stage"]), "")


def local_time(text: str) -> str:
    """An instant as people here read it."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def age(text: str, now: datetime | None = None) -> str:
    """How long ago an instant was, in the largest unit that it fills: "59 s", "3 min", "23 h", "12 d"."""
    seconds = max(0, int(((now or datetime.now(UTC)) - datetime.fromisoformat(text)).total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    return f"{seconds // HOUR} h" if seconds < DAY else f"{seconds // DAY} d"


def _status(job: Mapping[str, Any]) -> str:
    is_under_way = job["status"] in (JobStatus.RUNNING, JobStatus.PAUSED)
    return f"{job['status']} {int(job['progress_percent'])}%" if is_under_way else job["status"]


def _note(job: Mapping[str, Any]) -> Text:
    if job.get("error_message"):
        return Text(job["error_message"], "red")
    if job["failed_items"]:
        return Text(f"{job['failed_items']} failed", "red")
    if not job["total_items"]:
        return Text(job["message"], "dim")
    return Text(job.get("waiting_for") or time_left(job.get("eta_seconds")), "dim")


def _fact(name: str, value: object) -> str:
    """A field of ours, whose instants have names that end in `_at`."""
    return local_time(value) if name.endswith("_at") and isinstance(value, str) else _plain(value)


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _print_list(names: Sequence[str], rows: Sequence[Sequence[str]], notes: Iterable[Text] = ()) -> None:
    """Columns of these names, `>` for numbers, each as wide as what is in it: an id that is cut is none.

    What does not fit is for the terminal to wrap; a note is below its row, and wrapped between words.
    """
    console, head = Console(highlight=False), [name.removeprefix(">") for name in names]
    widths = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]
    console.print(Text(_in_columns(names, head, widths), "dim"), soft_wrap=True)
    for row, note in zip(rows, list(notes) or [Text()] * len(rows), strict=True):
        console.print(Text(_in_columns(names, row, widths)), soft_wrap=True)
        if note:
            console.print(Padding(note, (0, 0, 0, INDENT)))


def _in_columns(names: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        " " * (width - cell_len(cell)) + cell if name.startswith(">") else set_cell_size(cell, width)
        for name, cell, width in zip(names, row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()
