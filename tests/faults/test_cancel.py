"""Cancel wins: whatever workers of any age still do, nothing of a cancelled job is told, written or found any more."""

import json
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from headrace.model.errors import Superseded, WrongState
from headrace.model.ids import JobId
from headrace.model.job import Item
from headrace.model.vocabulary import JobStatus, Stage
from headrace.store import jobs
from tests.faults import chaos
from tests.faults.forge import MAX_DEATHS, Forge, Worker
from tests.faults.test_kills import submit
from tests.running import running_server
from tests.unit.pipeline.documents import pdf

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

STEPS = 80
EXAMPLES = chaos.pick(30, 400)
AT_LEAST = chaos.pick(2_000, 20_000)

anyone = st.integers(0, 4)
VERBS = [jobs.resume, jobs.retry, jobs.pause, jobs.resume, jobs.retry, jobs.cancel]


class Jobs(RuleBasedStateMachine):
    """Owners and workers, the dead among them too, take turns in any order."""

    counted: ClassVar[Counter[str]] = Counter()

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.forge = Forge(Path(self.folder.name))
        self.jobs: list[JobId] = []
        self.workers: list[Worker] = []
        self.cancelled: dict[JobId, int] = {}
        self.seen = 0
        self.sequences: Counter[str] = Counter()
        self.progress: dict[str, float] = {}

    def teardown(self) -> None:
        if hasattr(self, "forge"):
            self.forge.close()
            self.folder.cleanup()

    @rule(new=st.integers(1, 3), again=st.booleans())
    def submit(self, new: int, again: bool) -> None:
        known = self.forge.documents[:1] if again else []
        self.jobs.append(self.forge.submit(new, known).job_id)

    @precondition(lambda self: self.jobs)
    @rule(which=anyone, verb=st.sampled_from(VERBS))
    def command(self, which: int, verb: object) -> None:
        job_id = self.jobs[-1 - which % len(self.jobs)]
        before = self.forge.job(job_id)
        try:
            after = self.forge.move(verb, job_id)  # type: ignore[arg-type]
        except WrongState:
            self.count("refused command")
            return
        assert before.status is not JobStatus.CANCELLED
        if after.status is JobStatus.CANCELLED:
            self.cancelled[job_id] = after.sequence
        self.count(after.status.value)

    @precondition(lambda self: self.jobs)
    @rule(which=anyone, age=st.sampled_from([0, 0, 0, 1]))
    def take_up(self, which: int, age: int) -> None:
        """A worker gets a job from the queue: in its present run, or in one that is over."""
        everyone = [self.forge.job(job_id) for job_id in self.jobs]
        alive = [job for job in everyone if job.status in jobs.LIVE]
        job = (alive or everyone)[-1 - which % len(alive or everyone)]
        is_right = age == 0 and job.status in jobs.LIVE
        try:
            worker = self.forge.start(job.job_id, job.run - age)
        except Superseded:
            assert not is_right
            self.count("refused start")
            return
        assert is_right
        self.workers.append(worker)
        self.forge.claim(worker)

    @precondition(lambda self: self.workers)
    @rule(which=anyone)
    def claim(self, which: int) -> None:
        worker = self.worker(which)
        self.attempt(worker, self.owns(worker), lambda: self.forge.claim(worker))

    @precondition(lambda self: any(worker.items for worker in self.workers))
    @rule(which=anyone, what=anyone, count=st.integers(1, 3))
    def work(self, which: int, what: int, count: int) -> None:
        """One step on a document: its chunks are saved, or some of them indexed."""
        worker, item = self.in_hand(which, what)
        step = self.forge.index if item.stage is Stage.INDEXING else self.forge.read
        self.attempt(worker, self.owns(worker, item), lambda: step(worker, item, count))

    @precondition(lambda self: any(worker.items for worker in self.workers))
    @rule(which=anyone)
    def work_through(self, which: int) -> None:
        """All that a worker has in hand, as far as it is let."""
        busy = [worker for worker in self.workers if worker.items]
        worker = busy[-1 - which % len(busy)]
        for item in list(worker.items.values()):
            while item.ordinal in worker.items:
                now = worker.items[item.ordinal]
                step = self.forge.index if now.stage is Stage.INDEXING else self.forge.read
                right = self.owns(worker, now)
                self.attempt(worker, right, lambda step=step, now=now: step(worker, now, 2))  # type: ignore[misc]
                if not right:
                    return
        self.finish_with(worker)

    @precondition(lambda self: any(worker.items for worker in self.workers))
    @rule(which=anyone, what=anyone, is_bad=st.sampled_from([True, False, False]))
    def fail(self, which: int, what: int, is_bad: bool) -> None:
        worker, item = self.in_hand(which, what)
        if is_bad:
            self.attempt(worker, self.owns(worker, item), lambda: self.forge.fail(worker, item))

    @precondition(lambda self: self.workers)
    @rule(which=anyone)
    def finish(self, which: int) -> None:
        self.finish_with(self.worker(which))

    def finish_with(self, worker: Worker) -> None:
        is_done = not any(not one.stage.is_final for one in self.forge.items(worker.job_id))
        self.attempt(worker, self.owns(worker) and is_done, lambda: self.forge.finish(worker))

    @rule()
    def sweep(self) -> None:
        self.forge.housekeeping.sweep()

    def worker(self, which: int) -> Worker:
        return self.workers[-1 - which % len(self.workers)]

    def in_hand(self, which: int, what: int) -> tuple[Worker, Item]:
        busy = [worker for worker in self.workers if worker.items]
        worker = busy[-1 - which % len(busy)]
        held = sorted(worker.items)
        return worker, worker.items[held[what % len(held)]]

    def owns(self, worker: Worker, item: Item | None = None) -> bool:
        """Whether the job is this worker's by right, and the item has not been taken up by another one."""
        job = self.forge.job(worker.job_id)
        if job.status is not JobStatus.RUNNING or job.run != worker.run:
            return False
        if item is None:
            return True
        stored = self.forge.items(job.job_id)[item.ordinal]
        return stored.claim == item.claim and not stored.stage.is_final

    def attempt(self, worker: Worker, is_right: bool, act: object) -> None:
        try:
            act()  # type: ignore[operator]
        except Superseded:
            assert not is_right, "a rightful worker was refused"
            self.count("refused write")
        else:
            assert is_right, "a zombie's write was accepted"
            assert worker.job_id not in self.cancelled
            self.count("write")
            if self.forge.job(worker.job_id).status.is_final:
                self.count("ended")

    def count(self, what: str) -> None:
        self.counted[what] += 1

    @invariant()
    def the_log_is_right(self) -> None:
        self.count("step")
        statement = "SELECT number, job_id, sequence, body FROM event WHERE number > :seen ORDER BY number"
        for number, job_id, sequence, body in self.forge.rows(statement, seen=self.seen):
            assert number == self.seen + 1
            self.seen += 1
            if job_id is not None:
                self.sequences[str(job_id)] += 1
                assert sequence == self.sequences[str(job_id)]
                assert sequence <= self.cancelled.get(JobId(str(job_id)), 10**9), "an event after the cancel"
                self.check_progress(json.loads(str(body)))

    def check_progress(self, frame: dict[str, object]) -> None:
        job_id, progress = str(frame["job_id"]), float(str(frame["progress"]))
        if frame["type"] != "job.received":
            assert progress >= self.progress[job_id], frame
        assert (progress == 1.0) == (frame["type"] == "job.completed"), frame
        self.progress[job_id] = progress

    @invariant()
    def the_counters_are_right(self) -> None:
        """Of every job that was not cancelled, in one look."""
        wrong = """SELECT job_id, status, failed_items, processed_items, chunks_created FROM job WHERE
            (status = 'cancelled') <> (job_id IN (SELECT value FROM json_each(:cancelled)))
            OR status <> 'cancelled' AND (
            failed_items <> (SELECT count(*) FROM item WHERE item.job_id = job.job_id AND stage = 'failed')
            OR processed_items <> (SELECT count(*) FROM item WHERE item.job_id = job.job_id
                AND stage IN ('failed', 'completed'))
            OR chunks_created <> (SELECT coalesce(sum(chunks_indexed), 0) FROM item WHERE item.job_id = job.job_id))"""
        assert self.forge.rows(wrong, cancelled=json.dumps(list(self.cancelled))) == []

    @invariant()
    def nothing_of_a_cancelled_job_is_found(self) -> None:
        found = """SELECT job.job_id, document_id FROM job JOIN item USING (job_id) JOIN document USING (document_id)
            WHERE job.status = 'cancelled' AND document.live_version = item.version"""
        assert self.forge.rows(found) == []

    @invariant()
    def what_is_served_is_whole(self) -> None:
        short = """SELECT document_id, chunk_count, live_version FROM document WHERE live_version IS NOT NULL
            AND chunk_count <> (SELECT count(*) FROM chunk WHERE chunk.document_id = document.document_id
            AND version = live_version AND is_indexed) OR live_version IS NULL AND processing_status = 'ready'"""
        assert self.forge.rows(short) == []


def test_no_interleaving_of_owners_and_workers_breaks_a_promise() -> None:
    Jobs.counted.clear()
    phases = (Phase.generate, Phase.shrink) if chaos.IS_SOAK else (Phase.generate,)
    how = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    for one in count(chaos.SEED):
        run_state_machine_as_test(seed(one)(Jobs), settings=how)
        if Jobs.counted["step"] >= AT_LEAST:  # how long an example gets is left to chance
            break
    chaos.tell("P6, stateful", f"{Jobs.counted['step']} steps: {dict(Jobs.counted)}")
    assert Jobs.counted["cancelled"]
    assert Jobs.counted["refused write"]


def test_a_cancelled_job_stops_within_a_second_and_leaves_nothing_to_be_found(tmp_path: Path) -> None:
    times, slowest = chaos.pick(10, 100), 0.0
    book = pdf([f"page {page} of the book of weirs" for page in range(1500)])
    with running_server(tmp_path, embedder="none") as server, server.client() as client:
        for number in range(times):
            job = submit(client, {f"{number}.txt": b"a short note on weirs", f"{number}.pdf": book})
            reading = "SELECT 1 FROM item WHERE job_id = ? AND sections_done > 0 AND stage = 'extracting'"
            chaos.until(lambda: chaos.query(server, reading, job), 60, "the book is being read")  # noqa: B023
            answer = client.post(f"/jobs/{job}/cancel").json()
            began = time.monotonic()
            assert answer["status"] == "cancelled"
            working = "SELECT 1 FROM workflow_status WHERE workflow_uuid LIKE ? AND status IN ('PENDING', 'ENQUEUED')"
            chaos.until(lambda: not chaos.query(server, working, f"{job}%"), 10, "the work has stopped")  # noqa: B023
            slowest = max(slowest, time.monotonic() - began)
            assert chaos.events_of(client, job)[-1]["type"] == "job.cancelled"
            assert chaos.events_of(client, job)[-1]["event_id"] == answer["last_event_id"]
            assert chaos.job_of(client, job) == answer
            assert client.post("/query", json={"query": "weirs", "mode": "keyword"}).json()["results"] == []
        chaos.check_nothing_is_left(server)
        assert slowest < 1.0
        chaos.tell("P6, over HTTP", f"{times} running jobs stopped within {slowest:.2f} s, 0 chunks found")


def test_a_worker_writes_nothing_more_to_a_document_that_its_heir_has_given_up(tmp_path: Path) -> None:
    forge = Forge(tmp_path)
    job = forge.submit(1)
    worker = forge.start(job.job_id, job.run)
    for _ in range(MAX_DEATHS):
        forge.claim(worker)
    heir = forge.start(job.job_id, job.run)
    forge.claim(heir)
    assert forge.items(job.job_id)[0].error_code == "worker_died"
    with pytest.raises(Superseded):
        forge.read(worker, worker.items[0], 2)
    assert forge.finish(heir).failed_items == 1
    forge.close()
