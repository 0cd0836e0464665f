"""Rows of the tables as the model's values, and back."""

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from headrace.model.document import BlobRange, Document, Workspace
from headrace.model.job import Item, Job, Stats
from headrace.model.pace import Forecast
from headrace.model.vocabulary import JobStatus, JobType, ProcessingStatus, Stage, Verdict, WorkspaceStatus

Row = sa.RowMapping | Mapping[str, Any]

_JOB_FIELDS = [field.name for field in fields(Job)]
_ITEM_FIELDS = [field.name for field in fields(Item)]
_DOCUMENT_FIELDS = [field.name for field in fields(Document) if field.name != "blob"]

_of_item, _of_document = attrgetter(*_ITEM_FIELDS), attrgetter(*_DOCUMENT_FIELDS)


def to_job(row: Row) -> Job:
    """A job as it is stored."""
    values = {name: row[name] for name in _JOB_FIELDS}
    return Job(
        **values
        | {
            "job_type": JobType(row["job_type"]),
            "status": JobStatus(row["status"]),
            "stage": Stage(row["stage"]),
            "stats": Stats.from_json(row["stats"]),
            "forecast": Forecast.from_json(row["forecast"]) if row["forecast"] else None,
        }
    )


def from_job(job: Job) -> dict[str, Any]:
    """The columns of a job; its idempotency key is written once, at submission."""
    values = {name: getattr(job, name) for name in _JOB_FIELDS}
    forecast = job.forecast.to_json() if job.forecast else None
    return values | {"stats": job.stats.to_json(), "metadata": dict(job.metadata), "forecast": forecast}


def to_item(row: Row) -> Item:
    """An item as it is stored."""
    values = {name: row[name] for name in _ITEM_FIELDS}
    counted = Stats.from_json(row["counted"])
    return Item(**values | {"stage": Stage(row["stage"]), "verdict": Verdict(row["verdict"]), "counted": counted})


def from_item(item: Item) -> dict[str, Any]:
    """The columns of an item."""
    values = dict(zip(_ITEM_FIELDS, _of_item(item), strict=True))
    counted = {name: count for name, count in item.counted.to_json().items() if count}
    return values | {"stage_rank": item.stage.rank, "description": dict(item.description), "counted": counted}


def to_document(row: Row) -> Document:
    """A document as it is stored."""
    values = {name: row[name] for name in _DOCUMENT_FIELDS}
    blob = BlobRange(key=row["blob_key"], offset=row["blob_offset"], size=row["size"])
    return Document(**values | {"processing_status": ProcessingStatus(row["processing_status"]), "blob": blob})


def from_document(document: Document) -> dict[str, Any]:
    """The columns of a document."""
    values = dict(zip(_DOCUMENT_FIELDS, _of_document(document), strict=True))
    blob = document.blob
    return values | {
        "metadata": dict(document.metadata),
        "blob_key": blob.key,
        "blob_offset": blob.offset,
        "size": blob.size,
    }


def to_workspace(row: Row, document_count: int = 0) -> Workspace:
    """A workspace as it is stored."""
    names = [field.name for field in fields(Workspace) if field.name != "document_count"]
    values = {name: row[name] for name in names}
    return Workspace(**values | {"status": WorkspaceStatus(row["status"]), "document_count": document_count})
