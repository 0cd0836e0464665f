"""A user's log, written as the product writes it: through the store, one transaction for each step."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from headrace.model import lifecycle
from headrace.model.cursor import Cursor
from headrace.model.event import Event, frame_without_job
from headrace.model.ids import JobId, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import EventType, JobType
from headrace.store import jobs, record, retention
from headrace.store.database import Database, Transaction
from headrace.store.migrations import upgrade
from headrace.store.schema import account, event


def new_database(url: str) -> Database:
    database = Database(url)
    upgrade(database)
    return database


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'headrace.db'}"


def a_year_after(transaction: Transaction) -> Transaction:
    """The same one, as if it had come a year later."""
    return replace(transaction, now=transaction.now + timedelta(days=365))


class Author:
    """Writes jobs of one user. They have no documents, so that each step is exactly one event."""

    def __init__(self, database: Database, user_id: UserId) -> None:
        self.database, self.user_id = database, user_id

    def note(self) -> None:
        """An event of no job."""
        with self.database.write() as transaction:
            frame = frame_without_job(EventType.WORKSPACE_STATUS, self.user_id, transaction.now)
            record.append(transaction, self.user_id, [frame])

    def submit(self) -> Job:
        with self.database.write() as transaction:
            submission = jobs.Submission(user_id=self.user_id, workspace_id=None, job_type=JobType.TEXT, documents=[])
            return jobs.submit(transaction, submission)

    def start(self, job: Job) -> Job:
        with self.database.write() as transaction, record.changing(transaction, job.job_id) as draft:
            draft.job = lifecycle.start(draft.job, transaction.now)
            draft.report(EventType.JOB_STAGE)
        return draft.job

    def begin(self, ticks: int = 0) -> Job:
        """A job that runs, with `ticks + 2` events."""
        job = self.start(self.submit())
        return self.tick(job, ticks) if ticks else job

    def tick(self, job: Job, count: int = 1) -> Job:
        """Write `count` events in one transaction; each tells its own number."""
        with self.database.write() as transaction, record.changing(transaction, job.job_id) as draft:
            for _ in range(count):
                draft.report(EventType.JOB_PROGRESS, message=f"event {draft.job.sequence + 1}")
        return draft.job

    def end(self, job: Job) -> Job:
        with self.database.write() as transaction, record.changing(transaction, job.job_id) as draft:
            draft.job = lifecycle.finish(draft.job, transaction.now)
            draft.report(EventType.JOB_COMPLETED)
        return draft.job

    def fail(self, job: Job) -> Job:
        with self.database.write() as transaction, record.changing(transaction, job.job_id) as draft:
            draft.job = lifecycle.fail(draft.job, transaction.now, "no more")
            draft.report(EventType.JOB_FAILED)
        return draft.job

    def retry(self, job: Job) -> Job:
        with self.database.write() as transaction:
            return jobs.retry(transaction, job.job_id)

    def clean(self) -> None:
        """What the hourly cleaning does, with no mercy for ended jobs."""
        with self.database.write() as transaction:
            retention.prune_events(a_year_after(transaction), max_age_hours=1, max_jobs=0)

    def forget(self) -> None:
        """Forget all ended jobs, with all their events, as after many days."""
        with self.database.write() as transaction:
            retention.forget_jobs(a_year_after(transaction), history_days=1)

    def clean_before(self, job: Job, sequence: int) -> None:
        """Delete the events of a job before `sequence`, even while it runs."""
        with self.database.write() as transaction:
            old = (event.c.job_id == job.job_id, event.c.sequence < sequence)
            newest = transaction.execute(sa.select(sa.func.max(event.c.number)).where(*old)).scalar()
            transaction.execute(sa.delete(event).where(*old))
            if newest is not None:
                mine = account.c.user_id == self.user_id
                raised = sa.case((account.c.pruned_number < newest, newest), else_=account.c.pruned_number)
                transaction.execute(sa.update(account).where(mine).values(pruned_number=raised))

    def events(self, job_id: JobId | None = None) -> list[Event]:
        """Everything in the log, of the user or of one job, straight from the table."""
        statement = sa.select(event).filter_by(user_id=self.user_id).order_by(event.c.number)
        with self.database.read() as connection:
            rows = connection.execute(statement if job_id is None else statement.filter_by(job_id=job_id)).mappings()
            return [
                Event(**{name: row[name] for name in ("user_id", "number", "job_id", "sequence", "body")},
                      type=EventType(row["type"]))
                for row in rows
            ]  # fmt: skip

    def newest(self, job: Job) -> Job:
        """The job as it is now."""
        return self.newest_of(job.job_id)

    def newest_of(self, job_id: str) -> Job:
        with self.database.read() as connection:
            return jobs.get(connection, self.user_id, job_id)

    def cursor(self, number: int) -> Cursor:
        return Cursor(self.database.epoch, number)
