"""A whole installation in one process whose every choice a seed makes: clock, ids, wake-ups, turns and deaths.

Store, service, engine, pipeline and hub are the real ones. Workers are threads of which one at a time runs, from one
transaction to the next; a death comes before a transaction, within it, or after its commit. The hub lives on an event
loop whose time passes when it is told to. There are no sockets, no second process and no fsync that fails: for those
there are the other tests of this folder.
"""

import asyncio
import hashlib
import json
import random
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headrace.engine import indexing, ingest, reading, slices
from headrace.engine.control import Control
from headrace.engine.housekeeping import Housekeeping
from headrace.engine.ingest import Ingest
from headrace.engine.parsing import limits_of
from headrace.engine.reading import Reader
from headrace.engine.receipts import Receipts
from headrace.engine.slices import Slice
from headrace.engine.unpacking import Unpacking
from headrace.eventlog.hub import Hub
from headrace.model.errors import JobNotFound, WrongState
from headrace.model.ids import JobId
from headrace.model.job import Item, Job
from headrace.model.vocabulary import JobStatus, JobType
from headrace.pipeline.embed import Embedders, Options
from headrace.service import Jobs, Library
from headrace.service import Request as Wanted
from headrace.settings import Settings
from headrace.store import jobs
from headrace.store.blobs import Blobs
from headrace.store.database import Database, Transaction
from tests.faults.forge import USER, template
from tests.faults.here import Here
from tests.unit.eventlog.playing import Connection

BEGINNING = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
ENDS = {"job.completed", "job.failed", "job.cancelled"}
MOST_WORKERS = 3
MOST_STEPS = 20_000


class Killed(BaseException):
    """What a worker notices of its own death: nothing, for nobody catches this."""


class Loop(asyncio.SelectorEventLoop):
    """Time passes only while everybody waits for it, and then at once. What would run in a thread runs here."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng, self._now = rng, 1000.0
        self._selector.select = self._wait  # type: ignore[attr-defined,method-assign]

    def time(self) -> float:
        return self._now

    def _wait(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everybody waits, and for nothing"
        self._now += timeout
        return []

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        done = self.create_future()

        def work() -> None:
            if done.cancelled():
                return
            try:
                done.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 - it is whoever waits for it that has to bear it
                done.set_exception(error)

        self.call_later(self._rng.choice((0.0, 0.0, 0.001, 0.3)), work)
        return done


class Worker(threading.Thread):
    """One hand-out of a job being worked on; it runs only while the world waits for it."""

    def __init__(self, world: "World", job_id: JobId, run: int) -> None:
        super().__init__(daemon=True)
        self.world, self.job_id, self.of_run = world, job_id, run
        self.depth = 0
        self.is_doomed = self.is_over = False
        self.error: BaseException | None = None
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self.start()

    def run(self) -> None:
        self._turn.acquire()
        try:
            self.check()
            self.world.ingest.run_job(self.job_id, self.of_run, self._spread)
        except Killed:
            self.world.queue.append((self.job_id, self.of_run))
        except BaseException as error:  # noqa: BLE001 - told by the world
            self.error = error
        self.is_over = True
        self._back.release()

    def _spread(self, parts: Sequence[Slice]) -> None:
        for part in self.world.rng.sample(parts, len(parts)):
            self.world.ingest.run_slice(part)

    def step(self) -> None:
        """Let it work up to its next transaction."""
        self._turn.release()
        self._back.acquire()
        if self.error is not None:
            raise self.error

    def pause(self) -> None:
        """In its own thread: let the others go on."""
        if self.depth == 0:
            self._back.release()
            self._turn.acquire()
            self.check()

    def check(self) -> None:
        if self.is_doomed:
            raise Killed

    def risk(self) -> None:
        """Around a commit a worker may die, too."""
        if self.world.is_deadly and self.world.rng.random() < 0.01:
            raise Killed


class Steps(Database):
    """A database before each of whose transactions a worker lets the others go on."""

    world: "World"

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Transaction]:
        worker = self.world.working()
        if worker is None:
            with super().write(durable=durable) as transaction:
                yield transaction
            return
        worker.pause()
        with super().write(durable=durable) as transaction:
            worker.depth += 1
            try:
                yield transaction
            finally:
                worker.depth -= 1
            worker.risk()
        worker.risk()

    @contextmanager
    def read(self) -> Iterator[Any]:
        worker = self.world.working()
        if worker is not None:
            worker.pause()
        with super().read() as connection:
            if worker is not None:
                worker.depth += 1
            try:
                yield connection
            finally:
                if worker is not None:
                    worker.depth -= 1


class Deferred(Future[Any]):
    """Work that is done in the thread of whoever asks for its result, if not before."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work = work

    def do(self) -> None:
        try:
            self.set_result(self._work())
        except Exception as error:  # noqa: BLE001 - it is whoever waits for it that has to bear it
            self.set_exception(error)

    def result(self, timeout: float | None = None) -> Any:
        if not self.done():
            self.do()
        return super().result(timeout)


class Beside(Executor):
    """What a worker would do beside its other work is done at once, or when it cannot wait any longer."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Deferred:
        deferred = Deferred(partial(fn, *args, **kwargs))
        if self._world.rng.random() < 0.5:
            deferred.do()
        return deferred


class Hints(Control):
    """Says the truth on whether a job goes on, or as often nothing: it is a hint."""

    def __init__(self, world: "World") -> None:
        self._world = world

    @contextmanager
    def watching(self, job_id: JobId, run: int) -> Iterator[None]:
        yield

    def is_stopped(self, job_id: JobId, run: int) -> bool:
        if self._world.rng.random() < 0.5:
            return False
        job = self._world.look_up(job_id)
        return job is None or job.status is not JobStatus.RUNNING or job.run != run

    def hold(self, run: int, claimed: Sequence[Item]) -> None:
        """Nobody takes leave here: workers die."""

    def wait(self, seconds: float) -> None:
        self._world.pass_wall_time(seconds)
        if (worker := self._world.working()) is not None:
            worker.pause()

    wait_for_an_end = wait

    def close(self) -> None:
        """There is no thread."""


class Watcher:
    """Follows one job, or with None all of the user's, over cuts; what it is told has to go on where it left off."""

    def __init__(self, world: "World", job_id: JobId | None) -> None:
        self.world, self.job_id = world, job_id
        self.cursor: str | None = None
        self.place: int | None = None
        self.cuts = self.resets = self.count = 0
        self._was_snapshot = False
        self._connect()

    async def cut(self) -> None:
        """Break off, keep what has come, and come back."""
        self.take()
        self.connection.cut()
        self.cuts += 1
        await asyncio.gather(self.connection.task, return_exceptions=True)
        self._connect()

    def _connect(self) -> None:
        self.connection = Connection(self.world.hub, USER, self.job_id, self.cursor)
        self._taken = 0

    def take(self) -> None:
        """Check what has come since the last look."""
        frames = self.connection.frames
        for frame in frames[self._taken :]:
            self._take(frame)
        self._taken = len(frames)

    def _take(self, frame: dict[str, Any]) -> None:
        number = int(frame["event_id"].rpartition("-")[2])
        place = number if self.job_id is None else frame["seq"]
        if frame["type"] == "reset":
            self.resets += 1
            self.place = None
        elif frame["type"] == "snapshot":
            self.place = place
        elif place == self.place and self._was_snapshot and frame["type"] in ENDS:
            pass  # whoever comes to an ended job is shown it, and told of its end
        else:
            assert self.place is None or place == self.place + 1, (self.place, frame)
            self.place = place
            self.count += 1
        self._was_snapshot = frame["type"] == "snapshot"
        self.cursor = frame["event_id"]


class World:
    """All of it. Open it with a folder of its own; `act` does one thing, `settle` brings everything to its end."""

    embedder = "none"

    def __init__(self, folder: Path, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.rng = random.Random(seed)
        self.prunes, self.jumps = self.rng.random() < 0.4, self.rng.random() < 0.4
        self.is_deadly = True
        self.acts: list[str] = []
        self.queue: list[tuple[JobId, int]] = []
        self.workers: list[Worker] = []
        self.jobs: list[JobId] = []
        self.cancelled: dict[JobId, int] = {}
        self._wall = timedelta(0)
        self._made = 0
        shutil.copy(template() / "headrace.db", folder / "headrace.db")
        patch.setattr("headrace.model.ids.uuid_utils.uuid7", self._next_id)
        for module in (reading, indexing):
            patch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self._wall.total_seconds()))
        patch.setattr("headrace.pipeline.study.monotonic", lambda: self._wall.total_seconds())
        patch.setattr(slices, "GROUP_DOCUMENTS", self.rng.choice((1, 64)))
        patch.setattr(ingest, "FEWEST_CHUNKS", self.rng.choice((1, 256)))
        settings = {
            "embedder": self.embedder,
            "slice_documents": self.rng.choice((2, 5)),
            "max_deaths": 10_000,
            "max_jobs": 2,
            "max_age_hours": 0.01,
        }
        self.settings = Settings(data_dir=folder, min_free_disk_bytes=0, **settings)
        self.database = Steps(f"sqlite:///{folder / 'headrace.db'}", clock=self._clock)
        self.database.world = self
        for bell in (self.database.bell, self.database.work_bell):
            if bell is not None:
                bell.close()
        self.database.bell = self.database.work_bell = None
        self.loop = Loop(self.rng)
        self.hub = Hub(self.database)
        self._open(Blobs(folder / "blobs"))

    def _open(self, blobs: Blobs) -> None:
        control, parsers, embedders = Hints(self), self.parsers(), self.embedders()
        self.blobs = blobs
        self.service = Jobs(self.settings, self.database, blobs, self)
        self.library = Library(self.settings, self.database, self, embedders)
        self.housekeeping = Housekeeping(self.database, blobs, self.settings)
        self.ingest = Ingest(
            database=self.database,
            reader=Reader(self.database, blobs, parsers, chunker=self.settings.chunker),
            unpacking=Unpacking(self.database, blobs, parsers, control, self.settings),
            embedders=embedders,
            receipts=Receipts(self.database, "local"),
            control=control,
            settings=self.settings,
            beside=lambda: Beside(self),
        )
        self.loop.run_until_complete(self.hub.start())
        self.watchers = [self.loop.run_until_complete(self._watch(None))]

    def parsers(self) -> Here:
        return Here(limits_of(self.settings))

    def embedders(self) -> Embedders:
        return Embedders(Options(**self.settings.embedders, threads=1))

    def close(self) -> None:
        for worker in self.workers:
            worker.is_doomed = True
            while not worker.is_over:
                worker.step()
        for watcher in self.watchers:
            watcher.connection.cut()
        self.play(0.1)
        for watcher in self.watchers:
            with suppress(JobNotFound):  # what it came back to was forgotten
                watcher.connection.task.result()
        self.loop.run_until_complete(self.hub.close())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        self.database.close()

    def hand_out(self, transaction: Transaction, job: Job) -> None:
        """As a `Dispatcher`: what is in line may be from a transaction that was undone, and come twice."""
        self.queue.append((job.job_id, job.run))

    def working(self) -> Worker | None:
        """The worker in whose thread this is called."""
        current = threading.current_thread()
        return current if isinstance(current, Worker) else None

    def look_up(self, job_id: JobId) -> Job | None:
        """A job; None where it ended so long ago that it was forgotten."""
        try:
            with Database.read(self.database) as connection:
                return jobs.get(connection, USER, job_id)
        except JobNotFound:
            assert self.prunes
            assert self.jumps
            return None

    def pass_wall_time(self, seconds: float) -> None:
        self._wall += timedelta(seconds=seconds)

    def play(self, seconds: float) -> None:
        """Let the hub and the watchers live for so long."""
        self.pass_wall_time(seconds)
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def acts_and_weights(self) -> list[tuple[Callable[[], None], int]]:
        """What may be done next, and how likely each is."""
        return [
            (self._submit, 3 if len(self.jobs) < 8 else 0),
            (self._command, 3),
            (self._take_up, 8),
            (self._work, 40),
            (self._kill, 2),
            (self._believe_dead, 1),
            (self._sweep, 2),
            (self._watch_another, 2 if len(self.watchers) < 6 else 0),
            (self._cut, 4),
            (lambda: self.play(self.rng.choice((0.0, 0.01, 0.4, 3.0))), 8),
            (self._jump, int(self.jumps)),
        ]

    def act(self) -> None:
        """Do one thing."""
        acts = self.acts_and_weights()
        chosen = self.rng.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
        self.acts.append(getattr(chosen, "__name__", ""))
        chosen()
        for watcher in self.watchers:
            watcher.take()

    def settle(self) -> None:
        """No more deaths and commands: everything comes to its end, and every watcher learns of it."""
        self.is_deadly = False
        for job_id in self.jobs:
            if (job := self.look_up(job_id)) and job.status is JobStatus.PAUSED:
                self.service.resume(USER, job_id)
        for _ in range(MOST_STEPS):
            self._take_up()
            if not self.workers:
                break
            self._work()
        assert not self.workers, "the work does not come to an end"
        assert not self.queue
        self.housekeeping.sweep()
        for watcher in self.watchers:
            self.loop.run_until_complete(watcher.cut())
        self.play(20.0)
        for watcher in self.watchers:
            watcher.take()

    def digest(self) -> str:
        """Of all that was done and all that is in the log, but for the time left: that is of this machine."""
        with self.database.read() as connection:
            found = connection.exec_driver_sql("SELECT number, body FROM event ORDER BY number").all()
        told = [(number, {**json.loads(body), "eta_seconds": None}) for number, body in found]
        return hashlib.sha256(json.dumps([self.acts, told], default=str, sort_keys=True).encode()).hexdigest()

    def _next_id(self) -> uuid.UUID:
        self._made += 1
        return uuid.UUID(int=(self._made << 80) | (7 << 76) | (2 << 62) | self.rng.getrandbits(60))

    def _clock(self) -> datetime:
        self._wall += timedelta(microseconds=137)
        return BEGINNING + self._wall

    def _submit(self) -> None:
        with self.service.intake() as intake:
            for _ in range(self.rng.randrange(1, 6)):
                words = " ".join(
                    self.rng.choices(("water", "wheel", "weir", "sluice", "mill"), k=self.rng.randrange(4, 400))
                )
                intake.add_text(words, filename=f"{self.rng.randrange(12)}.txt")
            self.jobs.append(self.service.submit(USER, Wanted(job_type=JobType.TEXT), intake).job_id)

    def _command(self) -> None:
        known = [job_id for job_id in self.jobs if self.look_up(job_id)]
        if not known:
            return
        verb = self.rng.choice(("cancel", "pause", "pause", "resume", "resume", "retry"))
        job_id = self.rng.choice(known)
        try:
            job = getattr(self.service, verb)(USER, job_id)
        except WrongState:
            return
        if verb == "cancel":
            self.cancelled[job_id] = job.sequence

    def _take_up(self) -> None:
        if self.queue and len(self.workers) < MOST_WORKERS:
            self.workers.append(Worker(self, *self.queue.pop(self.rng.randrange(len(self.queue)))))

    def _work(self) -> None:
        if not self.workers:
            return
        worker = self.rng.choice(self.workers)
        for _ in range(self.rng.choice((1, 1, 3, 10))):
            worker.step()
            if worker.is_over:
                self.workers.remove(worker)
                return

    def _kill(self) -> None:
        if self.workers:
            worker = self.rng.choice(self.workers)
            worker.is_doomed = True
            while not worker.is_over:
                worker.step()
            self.workers.remove(worker)

    def _believe_dead(self) -> None:
        """Hand a worker's job out once more, while it goes on: it has only been very slow."""
        if self.workers:
            worker = self.rng.choice(self.workers)
            self.queue.append((worker.job_id, worker.of_run))

    def _sweep(self) -> None:
        self.housekeeping.sweep()
        if self.prunes:
            self.housekeeping.clean()

    def _jump(self) -> None:
        self._wall += timedelta(days=self.rng.choice((-365, 365)))

    def _watch_another(self) -> None:
        job_id = self.rng.choice([None, *(job_id for job_id in self.jobs if self.look_up(job_id))])
        self.watchers.append(self.loop.run_until_complete(self._watch(job_id)))

    async def _watch(self, job_id: JobId | None) -> Watcher:
        return Watcher(self, job_id)

    def _cut(self) -> None:
        watcher = self.rng.choice(self.watchers)
        self.loop.run_until_complete(watcher.cut())
