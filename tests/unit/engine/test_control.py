"""A worker learns that a run may not go on, well within the second that it has to stop."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from headrace.engine.control import Control
from headrace.model.ids import JobId
from headrace.store import jobs
from tests.faults.forge import Forge


@pytest.fixture
def control(forge: Forge) -> Iterator[Control]:
    made = Control(forge.database)
    yield made
    made.close()


def stops_within(control: Control, job_id: JobId, run: int, seconds: float = 10.0) -> float:
    """Seconds until a run is stopped."""
    began = time.monotonic()
    while not control.is_stopped(job_id, run):
        control.wait(0.005)
        assert time.monotonic() - began < seconds, "it is not stopped"
    return time.monotonic() - began


@pytest.mark.parametrize("verb", [jobs.cancel, jobs.pause])
def test_a_run_that_may_not_go_on_is_stopped(forge: Forge, control: Control, verb: Callable[..., object]) -> None:
    job = forge.submit()
    forge.start(job.job_id, 1)

    with control.watching(job.job_id, 1):
        assert not control.is_stopped(job.job_id, 1)
        forge.move(verb, job.job_id)  # type: ignore[arg-type]
        stops_within(control, job.job_id, 1)


def test_a_later_run_stops_the_earlier_one_and_goes_on_itself(forge: Forge, control: Control) -> None:
    job = forge.submit()
    forge.start(job.job_id, 1)
    with control.watching(job.job_id, 1), control.watching(job.job_id, 2):
        forge.move(jobs.pause, job.job_id)
        again = forge.move(jobs.resume, job.job_id)
        forge.start(job.job_id, again.run)

        stops_within(control, job.job_id, 1)
        seen = threading.Event()
        seen.wait(0.4)  # two more looks: that nothing happens has no signal
        assert not control.is_stopped(job.job_id, 2)


def test_what_nobody_watches_is_not_looked_for(forge: Forge, control: Control) -> None:
    job, other = forge.submit(), forge.submit()
    forge.start(other.job_id, 1)
    with control.watching(job.job_id, 1):
        pass

    with control.watching(other.job_id, 1):
        forge.move(jobs.cancel, other.job_id)
        stops_within(control, other.job_id, 1)

    assert not control.is_stopped(job.job_id, 1)


def test_in_a_process_that_ends_nobody_waits_and_nobody_takes_a_job_for_stopped(control: Control) -> None:
    control.close()
    began = time.monotonic()

    control.wait(60)

    assert time.monotonic() - began < 5
    assert not control.is_stopped(JobId("any"), 1)


def test_who_waits_for_an_end_wakes_with_it(forge: Forge, control: Control) -> None:
    job = forge.submit()
    waiter = threading.Thread(target=control.wait_for_an_end, args=(60.0,), daemon=True)
    with control.watching(job.job_id, 1):
        waiter.start()
        waiter.join(0.2)
        assert waiter.is_alive()

    waiter.join(10.0)
    assert not waiter.is_alive()
