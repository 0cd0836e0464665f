"""Files that were sent again while another job is still at them: of two that run, the one that began later waits.

Should both ingest them after all, the embeddings are still paid for once (`receipts.py`).
"""

from headrace.engine.control import Control
from headrace.model.errors import Superseded
from headrace.model.ids import JobId
from headrace.store import sameness
from headrace.store.database import Database

LOOK_SECONDS = 0.25


def wait_and_settle(database: Database, control: Control, job_id: JobId, run: int, recipe: str) -> None:
    """Wait for jobs that are at the same files since before, then finish as unchanged what they have made searchable.

    Never for one that waits or rests itself: it may want this one's place. What the other job has failed, or made
    with other settings, is ingested as usual.

    Raises:
        Superseded: the job does not go on.
    """
    with database.read() as connection:
        if not sameness.has_twins(connection, job_id):
            return
    is_told = False
    with control.watching(job_id, run):
        while _is_at_work_elsewhere(database, job_id):
            if control.is_stopped(job_id, run):
                raise Superseded("the job does not go on")
            if not is_told:
                with database.write() as transaction:
                    sameness.wait_for_twin(transaction, job_id, run)
                is_told = True
            control.wait(LOOK_SECONDS)
    with database.write() as transaction:
        sameness.settle(transaction, job_id, run, recipe)


def _is_at_work_elsewhere(database: Database, job_id: JobId) -> bool:
    with database.read() as connection:
        return sameness.is_at_work_elsewhere(connection, job_id)
