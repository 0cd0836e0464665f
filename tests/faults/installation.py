"""A server's services and a worker's engine in one process, without the queue: a job runs when the test says so."""

from pathlib import Path

import sqlalchemy as sa

from headrace.engine.control import Control
from headrace.engine.housekeeping import Housekeeping
from headrace.engine.ingest import Ingest
from headrace.engine.parsing import limits_of
from headrace.engine.reading import Reader
from headrace.engine.receipts import Receipts
from headrace.engine.unpacking import Unpacking
from headrace.model.document import Document
from headrace.model.ids import LOCAL_USER, JobId
from headrace.model.job import Job
from headrace.model.vocabulary import JobType
from headrace.pipeline.embed import Embedders, Options
from headrace.search.query import SearchMode
from headrace.service import Jobs, Library, Request
from headrace.service.library import Question
from headrace.settings import Settings
from headrace.store import migrations
from headrace.store.blobs import Blobs
from headrace.store.database import Database, Transaction
from tests.faults.here import Here


class Installation:
    """A server's services and a worker's engine on one folder; documents are found by the words in them."""

    def __init__(self, folder: Path, url: str | None = None, *, embedder: str = "none") -> None:
        settings = Settings(data_dir=folder, min_free_disk_bytes=0, embedder=embedder)
        self.runs: dict[JobId, int] = {}
        self.database = Database(url or f"sqlite:///{folder / 'headrace.db'}")
        migrations.upgrade(self.database)
        blobs, parsers = Blobs(folder / "blobs"), Here(limits_of(settings))
        self.parsers = parsers
        self.control, embedders = Control(self.database), Embedders(Options(**settings.embedders, threads=1))
        self.jobs = Jobs(settings, self.database, blobs, self)
        self.library = Library(settings, self.database, self, embedders)
        self.housekeeping = Housekeeping(self.database, blobs, settings)
        self.ingest = Ingest(
            database=self.database,
            reader=Reader(self.database, blobs, parsers),
            unpacking=Unpacking(self.database, blobs, parsers, self.control, settings),
            embedders=embedders,
            receipts=Receipts(self.database, "local"),
            control=self.control,
            settings=settings,
        )

    def close(self) -> None:
        self.control.close()
        self.parsers.close()
        self.database.close()

    def hand_out(self, transaction: Transaction, job: Job) -> None:
        del transaction
        self.runs[job.job_id] = job.run

    def send(self, workspace: str | None = None, *, force_recreate: bool = False, **files: str | bytes) -> JobId:
        """Files by their names, in place of those that are there under these names."""
        with self.jobs.intake() as intake:
            for name, text in files.items():
                incoming = intake.open_file(name.replace("_", "."))
                incoming.write(text.encode() if isinstance(text, str) else text)
                intake.add_file(incoming)
            request = Request(job_type=JobType.FILE, replace=True, workspace=workspace, force_recreate=force_recreate)
            return self.jobs.submit(LOCAL_USER, request, intake).job_id

    def run(self, *job_ids: JobId) -> Job:
        for job_id in job_ids:
            run = self.runs[job_id]
            self.ingest.run_job(job_id, run, lambda parts: [self.ingest.run_slice(part) for part in parts])
        return self.jobs.get(LOCAL_USER, job_ids[-1])

    def document(self, filename: str) -> Document:
        (found,) = (
            one for one in self.library.list_documents(LOCAL_USER, limit=10, before=None) if one.filename == filename
        )
        return found

    def finds(self, word: str) -> bool:
        return bool(self.library.query(LOCAL_USER, Question(text=word, mode=SearchMode.KEYWORD)))

    def count(self, table: sa.Table) -> int:
        with self.database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
