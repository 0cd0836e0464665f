"""The wall clock may jump by a year: it orders nothing and expires nothing."""

import random
from pathlib import Path

import pytest

from headrace.store import jobs
from tests.faults import chaos
from tests.faults.forge import Forge, WildClock

pytestmark = pytest.mark.timeout(chaos.TIMEOUT)


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
