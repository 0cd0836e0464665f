"""kill -9 while uploads come in: whatever was acknowledged is there afterwards, once and whole."""

import hashlib
import random
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from headrace.model.ids import BlobKey
from headrace.store.blobs import Blobs
from tests.faults import chaos
from tests.running import RunningServer, running_server

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

CLIENTS = 4
ACCEPTED = httpx.codes.ACCEPTED


@dataclass(slots=True)
class Acknowledged:
    """What clients were told: the job of each content, by its SHA-256; and how often they had to ask again."""

    jobs: dict[str, str] = field(default_factory=dict)
    again: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, sha256: str, job_id: str) -> None:
        with self.lock:
            assert self.jobs.setdefault(sha256, job_id) == job_id, "a repeat made another job"


def upload_until(
    stopped: threading.Event, server: RunningServer, seed: int, told: Acknowledged, *, keyed: bool
) -> None:
    """One client: distinct files, one after the other; with a key, each until it is acknowledged."""
    rng = random.Random(seed)
    with server.client(timeout=10.0) as client:
        while not stopped.is_set():
            data = f"{uuid.UUID(int=rng.getrandbits(128))} ".encode() * rng.randrange(1, 400)
            headers = {"Idempotency-Key": str(uuid.UUID(int=rng.getrandbits(128)))} if keyed else {}
            while not send(client, data, headers, told) and keyed:
                told.again += 1
                if stopped.wait(0.05):
                    break


def send(client: httpx.Client, data: bytes, headers: dict[str, str], told: Acknowledged) -> bool:
    with suppress(httpx.TransportError):
        answer = client.post("/ingest", files={"file": ("notes.txt", data)}, headers=headers)
        assert answer.status_code in {ACCEPTED, httpx.codes.SERVICE_UNAVAILABLE}, answer.text
        if answer.status_code == ACCEPTED:
            told.note(hashlib.sha256(data).hexdigest(), answer.json()["job_id"])
            return True
    return False


def upload_under_fire(server: RunningServer, kills: int, acks: int, *, keyed: bool) -> Acknowledged:
    """Several clients upload while everything is killed so often, and on until enough is acknowledged."""
    rng, told, stopped = random.Random(chaos.SEED), Acknowledged(), threading.Event()
    with ThreadPoolExecutor(CLIENTS) as clients:
        seeds = [rng.getrandbits(64) for _ in range(CLIENTS)]
        running = [clients.submit(upload_until, stopped, server, seed, told, keyed=keyed) for seed in seeds]
        try:
            for _ in range(kills):
                before = len(told.jobs)
                goal = before + rng.randrange(max(2, 2 * acks // kills))
                chaos.until(lambda goal=goal: len(told.jobs) >= goal, 60, "uploads are acknowledged")
                server.kill()
                server.start()
            chaos.until(lambda: len(told.jobs) >= acks, 120, f"{acks} uploads are acknowledged")
        finally:
            stopped.set()
        for client in running:
            client.result()
    server.kill()
    server.start()
    return told


def check_nothing_is_lost(server: RunningServer, told: Acknowledged) -> None:
    """Each acknowledged job is there, with a document of exactly the bytes that were sent."""
    blobs = Blobs(server.data_dir / "blobs")
    statement = "SELECT sha256, item.job_id, blob_key, size FROM item JOIN document USING (document_id)"
    stored = {job: (sha256, key, size) for sha256, job, key, size in chaos.query(server, statement)}
    for sha256, job in told.jobs.items():
        found, key, size = stored[job]
        data = blobs.path(BlobKey(key)).read_bytes()
        assert (found, hashlib.sha256(data).hexdigest(), len(data)) == (sha256, sha256, size)
    with server.client() as client:
        for job in random.Random(chaos.SEED).sample(sorted(told.jobs.values()), 5):
            assert chaos.job_of(client, job)["status"] != "failed"


def test_no_acknowledged_upload_is_lost_when_everything_is_killed(tmp_path: Path) -> None:
    kills, acks = chaos.pick(10, 500), chaos.pick(200, 10_000)
    with running_server(tmp_path, embedder="none", min_free_disk_bytes=0, max_pending_jobs=100_000) as server:
        told = upload_under_fire(server, kills, acks, keyed=False)
        check_nothing_is_lost(server, told)
        chaos.tell("P1, uploads", f"0 of {len(told.jobs)} acknowledged ids lost over {kills + 1} kills")


def test_a_repeat_with_the_same_key_is_the_same_job_across_kills(tmp_path: Path) -> None:
    kills, acks = chaos.pick(3, 50), chaos.pick(60, 1_000)
    with running_server(tmp_path, embedder="none", min_free_disk_bytes=0, max_pending_jobs=100_000) as server:
        told = upload_under_fire(server, kills, acks, keyed=True)
        check_nothing_is_lost(server, told)
        twice = "SELECT sha256, count(*) FROM document GROUP BY sha256 HAVING count(*) > 1"
        assert chaos.query(server, twice) == []
        figure = f"{len(told.jobs)} keys, {told.again} repeats over {kills + 1} kills: one job each"
        chaos.tell("P1, Idempotency-Key", figure)
