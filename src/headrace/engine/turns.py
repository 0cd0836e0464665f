"""Whose job comes next where each user's running jobs are limited: the one with the lowest tag that may run.

The engine would draw the users by lot, and take as many of one's jobs as the limit allows.
"""

from typing import Any

import sqlalchemy as sa


def next_user(connection: sa.Connection, table: Any, queue: str, most: int) -> list[str]:
    """The user whose turn it is, of those with fewer than `most` jobs running; nobody where nobody waits.

    `table` is the engine's own, of all its work.
    """
    mine = table.c.queue_name == queue
    full = (
        sa.select(table.c.queue_partition_key)
        .where(mine, table.c.status == "PENDING", table.c.queue_partition_key.is_not(None))
        .group_by(table.c.queue_partition_key)
        .having(sa.func.count() >= most)
    )
    statement = (
        sa.select(table.c.queue_partition_key)
        .where(mine, table.c.status == "ENQUEUED", table.c.queue_partition_key.not_in(full))
        .order_by(table.c.priority, table.c.created_at)
        .limit(1)
    )
    return list(connection.execute(statement).scalars())
