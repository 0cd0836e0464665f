"""What is read of a slice is made searchable beside the reading of the rest."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.engine import ingest, slices
from headrace.model.errors import DocumentError
from headrace.model.vocabulary import JobStatus
from headrace.pipeline.embed import Embedder
from headrace.pipeline.sandbox import Opening, Source
from tests.faults.installation import Installation

PATIENCE_SECONDS = 60


class Refusing:
    """An embedder that notes what it is given, and refuses texts with one word in them."""

    name, dimensions, max_tokens = "refusing", 4, 256

    def __init__(self, word: str) -> None:
        self.word = word
        self.given: list[int] = []

    def batches(self, texts: Sequence[str], *, on_wait: object = None) -> Iterator[tuple[Sequence[int], np.ndarray]]:
        del on_wait
        self.given.append(len(texts))
        if any(self.word in text for text in texts):
            raise DocumentError("embedding_failed", f"no vector for {self.word}")
        yield range(len(texts)), np.ones((len(texts), self.dimensions), "<f2")

    def embed_query(self, text: str) -> np.ndarray:
        del text
        return np.ones(self.dimensions, np.float32)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setattr(slices, "GROUP_DOCUMENTS", 1)
    made = Installation(tmp_path)
    yield made
    made.close()


def use(installation: Installation, embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.ingest.embedders, "get", lambda _: embedder)


def test_the_first_documents_are_found_while_the_last_is_being_read(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "FEWEST_CHUNKS", 1)
    begin, waited = installation.parsers.begin, []

    @contextmanager
    def begin_late(source: Source, **rest: Any) -> Iterator[Opening]:
        if source.filename == "c.txt":
            waited.append(until(lambda: installation.finds("alpha")))
        with begin(source, **rest) as opening:
            yield opening

    monkeypatch.setattr(installation.parsers, "begin", begin_late)

    job = installation.run(installation.send(a_txt="alpha", b_txt="beta", c_txt="gamma"))

    assert waited == [True]
    assert (job.status, job.failed_items) == (JobStatus.COMPLETED, 0)
    assert installation.finds("gamma")


def test_documents_of_a_few_chunks_are_embedded_together(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = Refusing("nothing")
    use(installation, embedder, monkeypatch)
    monkeypatch.setattr(ingest, "FEWEST_CHUNKS", 2)

    job = installation.run(installation.send(**{f"{one}_txt": f"the {one} of five" for one in "abcde"}))

    assert job.status is JobStatus.COMPLETED
    assert embedder.given == [2, 2, 1]


def test_what_cannot_be_embedded_fails_alone_when_it_was_handed_over_alone(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(installation, Refusing("beta"), monkeypatch)
    monkeypatch.setattr(ingest, "FEWEST_CHUNKS", 1)

    job = installation.run(installation.send(a_txt="alpha", b_txt="beta", c_txt="gamma"))

    assert (job.status, job.processed_items, job.failed_items) == (JobStatus.COMPLETED, 3, 1)
    assert installation.document("b.txt").processing_error == "no vector for beta"


def test_what_goes_wrong_beside_the_reading_is_tried_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "FEWEST_CHUNKS", 1)
    monkeypatch.setattr(ingest, "FIRST_PAUSE_SECONDS", 0.0)
    run, tries = ingest.Indexing.run, []

    def fail_once(indexing: ingest.Indexing) -> None:
        tries.append(threading.current_thread() is threading.main_thread())
        if len(tries) == 2:
            raise OSError("the disk was away")
        run(indexing)

    monkeypatch.setattr(ingest.Indexing, "run", fail_once)

    job = installation.run(installation.send(a_txt="alpha", b_txt="beta", c_txt="gamma"))

    assert (job.status, job.failed_items) == (JobStatus.COMPLETED, 0)
    assert not any(tries)
    assert all(installation.finds(word) for word in ("alpha", "beta", "gamma"))


def until(found: Callable[[], bool]) -> bool:
    waiting, left = threading.Event(), PATIENCE_SECONDS / 0.01
    while not found() and left:
        waiting.wait(0.01)
        left -= 1
    return found()
