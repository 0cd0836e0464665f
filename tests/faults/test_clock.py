"""The wall clock may jump by a year: it orders nothing and expires nothing that is in use."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace.store import jobs
from tests.faults import chaos
from tests.faults.forge import Forge, WildClock
from tests.faults.test_kills import submit
from tests.running import RunningServer

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)

YEAR = 365 * 86_400

PATCHES = """
import importlib.util, sys, time
from datetime import UTC, datetime
from pathlib import Path

offset, true_time = Path(OFFSET), time.time


def wall():
    return true_time() + float(offset.read_text() or 0)


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "headrace.store.database":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def run_and_patch(module):
            run(module)
            module.Database.__init__.__kwdefaults__["clock"] = lambda: datetime.fromtimestamp(wall(), UTC)

        spec.loader.exec_module = run_and_patch
        return spec


time.time = wall
sys.meta_path.insert(0, Finder())
"""
"""Makes every wall clock that server, worker and engine read go wrong; the monotonic one goes on, as it does in life.

Not by libfaketime: under it the waits of Python's locks are wrong as well, by a year.
"""


def test_a_clock_that_jumps_by_a_year_disturbs_no_job_and_no_number(tmp_path: Path) -> None:
    rng, turns = random.Random(chaos.SEED), chaos.pick(20, 500)
    forge = Forge(tmp_path, WildClock(rng))
    try:
        for _ in range(turns):
            job = forge.submit(rng.randrange(1, 4))
            if rng.random() < 0.3:
                forge.move(jobs.pause, job.job_id)
                job = forge.move(jobs.resume, job.job_id)
            assert forge.complete(job).progress == 1.0
        numbers = [number for (number,) in forge.rows("SELECT number FROM event ORDER BY number")]
        assert numbers == list(range(1, len(numbers) + 1))
        in_order = "SELECT job_id, sequence FROM event WHERE job_id IS NOT NULL ORDER BY number"
        last: dict[object, int] = {}
        for job_id, sequence in forge.rows(in_order):
            assert sequence == last.get(job_id, 0) + 1
            last[job_id] = int(str(sequence))
        assert forge.rows("SELECT * FROM job WHERE status <> 'completed'") == []
        chaos.tell("P13, store", f"{turns} jobs over jumps of a year: 0 expired, {len(numbers)} events in order")
    finally:
        forge.close()


@contextmanager
def out_of_time(folder: Path) -> Iterator[tuple[RunningServer, Path]]:
    """A server whose clock, and its worker's, is wrong by the seconds that are written into a file."""
    offset, patches = folder / "offset", folder / "patches"
    offset.write_text("0")
    patches.mkdir()
    (patches / "sitecustomize.py").write_text(PATCHES.replace("OFFSET", repr(str(offset))))
    # Jobs are kept for longer than the clock jumps: a cleaning in the wrong moment would rightly forget those before.
    kept = {"history_days": 10_000, "max_age_hours": 240_000}
    cleaned = {"cleanup_interval_seconds": 1}
    server = RunningServer(folder, {"embedder": "none", "min_free_disk_bytes": 0} | kept | cleaned)
    server.environment |= {"PYTHONPATH": str(patches)}
    try:
        yield server.start(), offset
    finally:
        server.close()


def test_a_server_whose_clock_jumps_by_a_year_goes_on(tmp_path: Path) -> None:
    rng, turns = random.Random(chaos.SEED), chaos.pick(4, 200)
    with out_of_time(tmp_path) as (server, offset), server.client(timeout=120) as client:
        years, there = [], 0
        for number in range(turns):
            texts = {f"{number}-{one}.txt": f"the weir holds {one}".encode() * 40 for one in range(5)}
            job = submit(client, texts)
            there = rng.choice([one for one in (-YEAR, 0, YEAR) if one != there])
            replacement = offset.with_suffix(".new")
            replacement.write_text(str(there))
            replacement.rename(offset)
            assert chaos.wait_for_end(client, job, 300)["status"] == "completed"
            events = chaos.events_of(client, job)
            chaos.check_log(events)
            years.append(events[-1]["timestamp"][:4])
        assert len(set(years)) > 1, "the clock has jumped"
        chaos.check_numbers(server)
        chaos.check_nothing_is_left(server)
    chaos.tell("P13, server", f"{turns} jobs in the years {sorted(set(years))}, in turns: 0 expired, all in order")
