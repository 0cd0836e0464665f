"""What the engine's own tables say of who has which work in hand."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from dbos import DBOS
from dbos._dbos import _get_dbos_instance

COLUMNS = ("executor_id", "workflow_uuid", "queue_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A piece of work that the engine has given to a worker, and the queue it came from."""

    workflow_id: str
    queue: str | None


def in_hand(connection: sa.Connection) -> dict[str, set[Claim]]:
    """All that is claimed, by the executor that has it.

    Read past the engine, which would try again for a long time if the database did not answer.
    """
    schema = None if connection.dialect.name == "sqlite" else "dbos"
    columns: list[sa.ColumnClause[str]] = [sa.column(name) for name in COLUMNS]
    table = sa.table("workflow_status", *columns, sa.column("status"), schema=schema)
    claimed = sa.select(*columns).select_from(table).where(table.c.status == "PENDING")
    found: dict[str, set[Claim]] = defaultdict(set)
    for row in connection.execute(claimed):
        found[str(row.executor_id)].add(Claim(workflow_id=row.workflow_uuid, queue=row.queue_name))
    return found


def running_here() -> Collection[str]:
    """The ids of what this process runs, whether or not it still has the claim."""
    return frozenset(_get_dbos_instance()._active_workflows_set.activeList())


def put_back(claim: Claim) -> None:
    """Let whoever has room take it; what has ended meanwhile stays ended."""
    DBOS.resume_workflow(claim.workflow_id, queue_name=claim.queue)
