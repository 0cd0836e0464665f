"""What a worker that is asked to stop takes back: its claims on what it has not finished were no deaths."""

from collections.abc import Mapping

import sqlalchemy as sa

from headrace.model.ids import JobId
from headrace.model.vocabulary import Stage
from headrace.store.database import Transaction
from headrace.store.schema import item, job


def forgive(transaction: Transaction, job_id: JobId, claims: Mapping[int, int]) -> int:
    """Count one death less of each item, by ordinal, that still carries the claim; returns how many those are.

    A claim that is being written at this moment is waited for, by the job's lock.
    """
    transaction.execute(sa.select(job.c.job_id).where(job.c.job_id == job_id).with_for_update())
    return transaction.execute_many(
        _FORGIVE, [{"of_job": job_id, "at_ordinal": ordinal, "of_claim": claim} for ordinal, claim in claims.items()]
    )


_FORGIVE = (
    sa.update(item)
    .where(
        item.c.job_id == sa.bindparam("of_job"),
        item.c.ordinal == sa.bindparam("at_ordinal"),
        item.c.claim == sa.bindparam("of_claim"),
        item.c.stage_rank < Stage.COMPLETED.rank,
        item.c.deaths > 0,
    )
    .values(deaths=item.c.deaths - 1)
)
