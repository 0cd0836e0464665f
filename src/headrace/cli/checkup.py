"""What `headrace db check` looks at. It only reads, so it may run beside a busy server."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from headrace.model.ids import BlobKey
from headrace.store import migrations
from headrace.store.blobs import BlobStore
from headrace.store.database import Database
from headrace.store.schema import chunk, document, event, item, job, workspace

SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    is_fine: bool
    told: str


def findings(database: Database, blobs: BlobStore) -> Iterator[Finding]:
    """Every check, one after the other, all of the same moment."""
    with database.read() as connection:
        yield _revision(connection)
        if database.is_sqlite:
            yield _pragma(connection, "integrity", "PRAGMA integrity_check")
            yield _pragma(connection, "foreign keys", "PRAGMA foreign_key_check")
        yield from _orphans(connection)
        yield _numbering(connection)
        yield _bytes(connection, blobs)


def _revision(connection: sa.Connection) -> Finding:
    current, head = migrations.current(connection), migrations.head()
    told = (
        f"at {current}" if current == head else f"at {current}, this version expects {head}; run: headrace db upgrade"
    )
    return Finding(name="revision", is_fine=current == head, told=told)


def _pragma(connection: sa.Connection, name: str, statement: str) -> Finding:
    rows = [row for row in connection.exec_driver_sql(statement) if row[0] != "ok"]
    told = "; ".join(" ".join(map(str, row)) for row in rows[:SHOWN]) or "sound"
    return Finding(name=name, is_fine=not rows, told=told)


def _orphans(connection: sa.Connection) -> Iterator[Finding]:
    """Rows that point at something which is not there, where no foreign key forbids it."""
    yield _lost(
        connection, "documents without a workspace", document, document.c.workspace_id, workspace.c.workspace_id
    )
    yield _lost(connection, "passages without a document", chunk, chunk.c.document_id, document.c.document_id)
    yield _lost(connection, "parts of jobs that are gone", item, item.c.job_id, job.c.job_id)
    yield _lost(connection, "events of jobs that are gone", event, event.c.job_id, job.c.job_id)


def _lost(
    connection: sa.Connection, name: str, table: sa.Table, child: sa.Column[str], parent: sa.Column[str]
) -> Finding:
    there = sa.exists().where(parent == child)
    count = connection.scalar(sa.select(sa.func.count()).select_from(table).where(child.is_not(None), ~there)) or 0
    return Finding(name=name, is_fine=count == 0, told="none" if count == 0 else str(count))


def _numbering(connection: sa.Connection) -> Finding:
    """The newest event of each job bears the number that the job counts."""
    newest = sa.select(event.c.job_id, sa.func.max(event.c.sequence).label("sequence")).group_by(event.c.job_id)
    found = newest.where(event.c.job_id.is_not(None)).subquery()
    wrong = sa.select(sa.func.count()).select_from(job.join(found, job.c.job_id == found.c.job_id))
    count = connection.scalar(wrong.where(job.c.sequence != found.c.sequence)) or 0
    return Finding(
        name="numbers of the log", is_fine=count == 0, told="in step" if count == 0 else f"{count} jobs differ"
    )


def _bytes(connection: sa.Connection, blobs: BlobStore) -> Finding:
    """Every document's bytes are where they should be."""
    keys = connection.scalars(sa.select(document.c.blob_key).distinct())
    lost = [key for key in keys if not blobs.has(BlobKey(key))]
    told = "all there" if not lost else f"{len(lost)} missing, as {lost[0]}"
    return Finding(name="documents' bytes", is_fine=not lost, told=told)
