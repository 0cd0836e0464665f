"""Lists as tables, for people."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from headrace.cli.board import SIGNS, counter, time_left
from headrace.cli.watch import reason
from headrace.model.vocabulary import Stage

Rows = Sequence[Mapping[str, Any]]


def print_jobs(jobs: Rows) -> None:
    """Jobs, one a line."""
    table = _table("", "job", "status", ">%", ">documents", ">chunks", "created", "")
    for job in jobs:
        table.add_row(
            sign(job), job["job_id"], job["status"], f"{job['progress_percent']:.0f}",
            f"{job['processed_items']}/{job['total_items']}" if job["total_items"] else "", str(job["chunks_created"]),
            local_time(job["created_at"]), _note(job),
        )  # fmt: skip
    Console().print(table)


def print_job(job: Mapping[str, Any], documents: Rows) -> None:
    """One job in full, and its documents below it."""
    facts = Table.grid(padding=(0, 2))
    for name in ("job_id", "job_type", "status", "stage", "created_at", "started_at", "completed_at", "attempt"):
        facts.add_row(Text(name, style="dim"), Text(str(job.get(name) if job.get(name) is not None else "-")))
    facts.add_row(Text("progress", style="dim"), Text(f"{job['progress_percent']:.0f} %  {_note(job)}"))
    Console().print(facts)
    table = _table("", "document", "stage", ">chunks", "")
    for document in documents:
        why = reason(document) if document["stage"] == Stage.FAILED else ""
        chunks = counter(document["current_chunk"], document["total_chunks"])
        table.add_row(sign(document), Text(document["filename"]), document["stage"], chunks, Text(why, "red"))
    Console().print(table)


def print_documents(documents: Rows) -> None:
    """Documents, one a line."""
    table = _table("document", "id", "status", ">size", ">chunks", "created", "")
    for one in documents:
        table.add_row(
            Text(one["filename"]), one["document_id"], one["processing_status"], decimal(one["size"]),
            str(one["chunk_count"]), local_time(one["created_at"]), _note_text(one["processing_error"] or "", "red"),
        )  # fmt: skip
    Console().print(table)


def print_document(document: Mapping[str, Any]) -> None:
    """One document in full, what was found out about it last."""
    facts = Table.grid(padding=(0, 2))
    for name, value in chain(document.items(), document["metadata"].items()):
        if name != "metadata" and value is not None:
            told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            facts.add_row(Text(name, style="dim"), Text(told))
    Console().print(facts)


def print_workers(workers: Rows) -> None:
    """Workers, one a line."""
    table = _table("worker", "status", ">capacity", "tags", ">jobs", "since", "where")
    for one in workers:
        where = f"{one['host']}, pid {one['pid']}" if one["host"] else ""
        table.add_row(
            one["worker_id"], one["status"], str(one["capacity"]), " ".join(one["tags"]), str(one["job_count"]),
            local_time(one["started_at"]), Text(where),
        )  # fmt: skip
    Console().print(table)


def print_workspaces(workspaces: Rows) -> None:
    """Workspaces, one a line."""
    table = _table("workspace", "id", "status", ">documents", "created", "")
    for one in workspaces:
        table.add_row(
            Text(one["name"]), one["workspace_id"], one["status"], str(one["document_count"]),
            local_time(one["created_at"]), Text(one.get("status_message") or ""),
        )  # fmt: skip
    Console().print(table)


def sign(thing: Mapping[str, Any]) -> str:
    """The sign of the stage that a job or a document is in."""
    return SIGNS.get(Stage(thing["stage"]), "")


def local_time(text: str) -> str:
    """An instant as people here read it."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _note(job: Mapping[str, Any]) -> Text:
    if job.get("error_message"):
        return _note_text(job["error_message"], "red")
    if job["failed_items"]:
        return _note_text(f"{job['failed_items']} failed", "red")
    if not job["total_items"]:
        return _note_text(job["message"], "dim")
    return _note_text(job.get("waiting_for") or time_left(job.get("eta_seconds")), "dim")


def _table(*names: str) -> Table:
    """Columns of these names, `>` for numbers. The last one gives way on a narrow screen, the others never."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in names[:-1]:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", no_wrap=True)
    table.add_column(names[-1])
    return table


def _note_text(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
