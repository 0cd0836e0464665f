"""What is remembered of how fast work went: one row for each stage, kind and unit."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from headrace.model.job import Job
from headrace.model.pace import Bulk, History, Pace, Unit, fading
from headrace.model.vocabulary import Stage
from headrace.store.database import Transaction
from headrace.store.schema import document, item, pace


def learn(transaction: Transaction, measured: Sequence[Pace]) -> None:
    """Add what was measured to what is remembered, which fades by it."""
    insert = sqlite.insert if transaction.is_sqlite else postgresql.insert
    keys = ["stage", "kind", "unit"]
    # In one order by all workers, or two of them would wait for each other.
    for one in sorted(measured, key=lambda one: (one.stage, one.kind, one.unit)):
        values = {"stage": one.stage, "kind": one.kind, "unit": one.unit, "updated_at": transaction.now}
        kept = fading(one.seconds)
        new = insert(pace).values(values | {"count": one.count, "seconds": one.seconds})
        sums = {
            "count": pace.c.count * kept + new.excluded.count,
            "seconds": pace.c.seconds * kept + new.excluded.seconds,
            "updated_at": new.excluded.updated_at,
        }
        transaction.execute(new.on_conflict_do_update(index_elements=keys, set_=sums))


def history(connection: sa.Connection) -> History:
    """All that is remembered."""
    rows = connection.execute(sa.select(pace.c.stage, pace.c.kind, pace.c.unit, pace.c.count, pace.c.seconds))
    return History(
        Pace(stage=Stage(stage), kind=kind, unit=Unit(unit), count=count, seconds=seconds)
        for stage, kind, unit, count, seconds in rows
    )


def bulks(connection: sa.Connection, job: Job) -> list[Bulk]:
    """What a job has of each content type."""
    statement = (
        sa.select(document.c.content_type, sa.func.sum(item.c.work_total))
        .join(item, item.c.document_id == document.c.document_id)
        .where(item.c.job_id == job.job_id)
        .group_by(document.c.content_type)
    )
    return [Bulk(content_type=name, bytes=int(size)) for name, size in connection.execute(statement)]
