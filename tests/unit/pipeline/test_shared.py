"""What several jobs want embedded goes through one embedder together, and does none of them any harm."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Semaphore

import numpy as np
import pytest
from numpy.typing import NDArray

from headrace.model.errors import DocumentError, Superseded
from headrace.pipeline.embed import OnWait, ignore
from headrace.pipeline.embed.openai import OpenAICompatible
from headrace.pipeline.embed.shared import RUN_TEXTS, Load, Shared, spread
from tests.model_service import ModelService, Planned, model_service, vector_of

WAIT = 60.0


class Slow:
    """An embedder whose every load waits for leave; `began` counts those that have begun."""

    name, dimensions, max_tokens = "slow", 1, 256

    def __init__(self) -> None:
        self.loads: list[list[str]] = []
        self.began, self.leave = Semaphore(0), Semaphore(0)

    def batches(
        self, texts: Sequence[str], *, on_wait: OnWait = ignore
    ) -> Iterator[tuple[Sequence[int], NDArray[np.float16]]]:
        self.loads.append(list(texts))
        self.began.release()
        assert self.leave.acquire(timeout=WAIT)
        for place, text in enumerate(texts):
            yield [place], np.array([[len(text)]], np.float16)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        return np.ones(1, np.float32)


@pytest.fixture
def service() -> Iterator[ModelService]:
    with model_service() as started:
        yield started


def asked(embedder: Shared, texts: list[str], on_wait: OnWait = ignore) -> dict[str, list[float]]:
    found = {}
    for places, vectors in embedder.batches(texts, on_wait=on_wait):
        found |= {texts[place]: row.tolist() for place, row in zip(places, vectors, strict=True)}
    return found


@pytest.fixture
def embedder(service: ModelService) -> Iterator[Shared]:
    inner = OpenAICompatible(url=service.url, model="m", batch_texts=8, patience_seconds=5)
    yield Shared(inner, Load(texts=8))
    inner.close()


def while_it_is_busy(
    embedder: Shared, service: ModelService, jobs: list[list[str]]
) -> list[Future[dict[str, list[float]]]]:
    """Ask for each job from a thread of its own; the service is held up until all have asked."""
    free = Event()
    service.plan.append(Planned(status=503, headers={"Retry-After": "0.01"}, until=free))
    with ThreadPoolExecutor(len(jobs) + 1) as pool:
        first = pool.submit(asked, embedder, ["first"])
        assert service.seen.wait(WAIT)
        futures = [pool.submit(asked, embedder, texts) for texts in jobs]
        until(lambda: sum(len(one.open) for one in embedder._waiting) == sum(map(len, jobs)))
        free.set()
        first.exception(WAIT)
    return futures


def until(is_so: Callable[[], bool]) -> None:
    passed = Event()
    for _ in range(int(WAIT / 0.01)):
        if is_so():
            return
        passed.wait(0.01)
    pytest.fail("it did not come to that")


def test_batches_are_filled_from_the_documents_of_several_jobs(embedder: Shared, service: ModelService) -> None:
    jobs = [[f"text {text} of job {job}" for text in range(4)] for job in range(6)]

    futures = while_it_is_busy(embedder, service, jobs)

    assert [len(one) for one in service.requests] == [1, 1, 8, 8, 8]  # the first is asked again
    for texts, future in zip(jobs, futures, strict=True):
        found = future.result(WAIT)
        assert found.keys() == set(texts)
        for text in texts:
            expected = np.array(vector_of(text))
            assert np.allclose(found[text], expected / np.linalg.norm(expected), atol=1e-3)


def test_a_batch_has_texts_of_like_length() -> None:
    inner = Slow()
    embedder = Shared(inner, Load(texts=4))
    jobs = [["x" * length for length in (900, 10, 500, 20)], ["y" * length for length in (15, 800, 25, 600)]]
    with ThreadPoolExecutor(3) as pool:
        pool.submit(asked, embedder, ["first"])
        assert inner.began.acquire(timeout=WAIT)
        for texts in jobs:
            pool.submit(asked, embedder, texts)
        until(lambda: sum(len(one.open) for one in embedder._waiting) == 8)
        inner.leave.release(10)

    assert [max(map(len, load)) for load in inner.loads[1:]] == [25, 900]


def test_texts_come_in_runs_of_like_length_and_every_part_of_the_way_is_a_sample_of_the_whole() -> None:
    sizes = [(7 * number) ** 2 % 10_007 for number in range(512)]

    order = spread(sizes)

    runs = [order[start : start + RUN_TEXTS] for start in range(0, 512, RUN_TEXTS)]
    done = [sum(sizes[place] for place in order[:count]) / sum(sizes) for count in (64, 128, 256, 384)]
    assert sorted(order) == list(range(512))
    assert max(max(sizes[place] for place in run) - min(sizes[place] for place in run) for run in runs) < 1_000
    assert done == pytest.approx([1 / 8, 1 / 4, 1 / 2, 3 / 4], abs=0.05)


@pytest.mark.parametrize("count", [0, 1, 16, 17, 33, 100])
def test_no_text_is_left_out_or_taken_twice(count: int) -> None:
    assert sorted(spread(list(range(count)))) == list(range(count))


def test_a_short_document_does_not_wait_for_a_long_one() -> None:
    inner = Slow()
    embedder = Shared(inner, Load(texts=4))
    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(asked, embedder, [f"part {part} of a long one" for part in range(40)])
        assert inner.began.acquire(timeout=WAIT)
        short = pool.submit(asked, embedder, ["one", "two"])
        until(lambda: len(embedder._waiting) == 2)
        inner.leave.release(2)
        assert short.result(WAIT) == {"one": [3.0], "two": [3.0]}
        assert not long.done()
        inner.leave.release(40)
        assert len(long.result(WAIT)) == 40


def test_one_document_has_as_many_loads_under_way_as_there_may_be() -> None:
    inner = Slow()
    embedder = Shared(inner, Load(texts=4, at_once=3))
    with ThreadPoolExecutor(1) as pool:
        for round_number in range(3):  # first the lanes are opened, then they are woken
            asking = pool.submit(asked, embedder, [f"part {part} of {round_number}" for part in range(20)])
            for _ in range(3):
                assert inner.began.acquire(timeout=WAIT)
            assert not inner.began.acquire(timeout=0.05)
            inner.leave.release(5)
            assert len(asking.result(WAIT)) == 20
            for _ in range(2):
                assert inner.began.acquire(timeout=WAIT)
            until(lambda: embedder._idle == 3)

    assert [len(load) for load in inner.loads] == [4] * 15


def test_a_text_that_is_refused_fails_its_own_job_alone(embedder: Shared, service: ModelService) -> None:
    service.refused = "poison"
    jobs = [["a good text", "another"], ["a poisoned well", "its neighbour"], ["a third", "a fourth"]]

    good, bad, third = while_it_is_busy(embedder, service, jobs)

    assert (good.result(WAIT).keys(), third.result(WAIT).keys()) == (set(jobs[0]), set(jobs[2]))
    with pytest.raises(DocumentError, match="refused the text"):
        bad.result(WAIT)


def test_a_service_that_is_away_is_asked_once_for_all(embedder: Shared, service: ModelService) -> None:
    service.always = Planned(status=503, headers={"Retry-After": "90"})

    futures = while_it_is_busy(embedder, service, [["one"], ["two"], ["three"]])

    for future in futures:
        with pytest.raises(DocumentError, match="asks to wait"):
            future.result(WAIT)
    assert [len(one) for one in service.requests] == [1, 1, 3]


def test_who_gives_up_is_not_embedded_for_and_the_others_are() -> None:
    inner = Slow()
    embedder = Shared(inner, Load(texts=4))
    cancelled = Event()

    def stop(seconds: float) -> None:
        if cancelled.is_set():
            raise Superseded("cancelled")

    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(asked, embedder, [f"cancelled {part}" for part in range(40)], stop)
        assert inner.began.acquire(timeout=WAIT)
        other = pool.submit(asked, embedder, ["other"])
        until(lambda: len(embedder._waiting) == 2)
        cancelled.set()
        with pytest.raises(Superseded):
            long.result(WAIT)
        inner.leave.release(10)
        assert other.result(WAIT) == {"other": [5.0]}

    assert sum(text.startswith("cancelled") for load in inner.loads for text in load) == 4


def test_the_wait_that_a_service_asks_for_is_told_to_everybody_in_the_batch(
    embedder: Shared, service: ModelService
) -> None:
    waits: list[list[float]] = [[], []]
    free = Event()
    service.plan += [Planned(until=free, status=401), Planned(status=429, headers={"Retry-After": "2"})]
    with ThreadPoolExecutor(3) as pool:
        pool.submit(asked, embedder, ["first"])
        assert service.seen.wait(WAIT)
        both = [pool.submit(asked, embedder, [f"text {number}"], waits[number].append) for number in range(2)]
        until(lambda: len(embedder._waiting) == 2)
        free.set()
        for future in both:
            future.result(WAIT)

    for told in waits:
        assert max(told) >= 2.0
        assert told[-1] == 0.0
