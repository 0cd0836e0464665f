"""A world in which many jobs are on the same few documents: by name, by bytes, or by both."""

import hashlib
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from headrace.engine import housekeeping
from headrace.engine.parsing import limits_of
from headrace.model.errors import DocumentError, DocumentNotFound, WrongState
from headrace.model.ids import DocumentId, JobId
from headrace.model.vocabulary import JobType
from headrace.pipeline.embed import Embedders, OnWait, Options, ignore
from headrace.pipeline.sandbox import Member, Reading, Source, never
from headrace.search.query import SearchMode
from headrace.service import Request as Wanted
from headrace.service.library import Question
from tests.faults.forge import USER
from tests.faults.here import Here
from tests.faults.world import World
from tests.unit.pipeline.documents import zipped

MARKS = {"alpha": 3, "beta": 40, "gamma": 900, "delta": 1800}
"""The word that all of a text consists of, so that a mixture is seen, and how often it is there."""

TEXTS = {mark: " ".join(f"{mark} {number}" for number in range(count)) for mark, count in MARKS.items()}
BROKEN = "[1,\n"
NAMES = ("a.txt", "b.txt", "c.json")


def text_of(name: str, mark: str) -> str:
    """What is sent under that name."""
    if not name.endswith(".json"):
        return TEXTS[mark]
    return BROKEN if mark == "alpha" else f'["{TEXTS[mark]}"]'


class Unpackers(Here):
    """Archives, too, are read in the same thread."""

    @contextmanager
    def unpack(self, source: Source, *, stop: Callable[[], bool] = never) -> Iterator[Reading]:
        del stop
        with zipfile.ZipFile(source.path) as archive:
            told: list[Member | bytes] = []
            for name in archive.namelist():
                told += [Member(path=name), archive.read(name)]
        yield cast("Reading", SimpleNamespace(members=lambda: iter(told)))


class Hashed:
    """An embedder without a model that now and then refuses, and knows what it was asked."""

    name = "hashed"
    dimensions = 8
    max_tokens = 256

    def __init__(self, world: "Crowd") -> None:
        self._world = world

    def batches(self, texts: Sequence[str], *, on_wait: OnWait = ignore) -> Iterator[tuple[Sequence[int], Any]]:
        del on_wait
        for place in range(0, len(texts), 2):
            if self._world.is_deadly and self._world.rng.random() < 0.05:
                raise DocumentError("embedding_failed", "it refuses")
            some = range(place, min(place + 2, len(texts)))
            yield some, np.array([self._vector(texts[one]) for one in some], np.float16)

    def embed_query(self, text: str) -> Any:
        return self._vector(text)

    def _vector(self, text: str) -> Any:
        found = np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], np.uint8).astype(np.float32) + 1
        return found / np.linalg.norm(found)


class OneEmbedder(Embedders):
    """Whatever is asked for, it is this one."""

    def __init__(self, options: Options, only: Hashed) -> None:
        super().__init__(options)
        self._only = only

    def get(self, choice: str) -> Any:
        del choice
        return self._only


@dataclass(slots=True)
class Sending:
    """What a user has sent with one job, by name, and what became of the job by their own doing."""

    job_id: JobId
    marks: Mapping[str, str]
    force_recreate: bool
    is_archive: bool
    retries: int = 0


class Crowd(World):
    """The same verbs and deaths, with few names, few texts, and those who take back what they have sent."""

    embedder = "minilm"  # which is never loaded

    def __init__(self, folder: Path, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.sendings: list[Sending] = []
        self.deleted: set[DocumentId] = set()
        super().__init__(folder, seed, patch)
        self.jumps = False  # no job is forgotten before it is looked at
        self.most_jobs = self.rng.choice((3, 6, 12))
        self._patch = patch

    def parsers(self) -> Here:
        return Unpackers(limits_of(self.settings))

    def embedders(self) -> Embedders:
        return OneEmbedder(Options(**self.settings.embedders, threads=1), Hashed(self))

    def acts_and_weights(self) -> list[tuple[Callable[[], None], int]]:
        return [*super().acts_and_weights(), (self._delete, 1)]

    def clean_all(self, *, history_days: float) -> None:
        """Everything that housekeeping may take away is taken away now."""
        self._patch.setattr(housekeeping, "UPLOAD_GRACE_SECONDS", -3600.0)
        self._patch.setattr(housekeeping, "WATCH_SECONDS", 0.0)
        thorough = self.settings.model_copy(update={"history_days": history_days})
        cleaning = housekeeping.Housekeeping(self.database, self.blobs, thorough)
        cleaning.sweep()
        cleaning.clean()

    def found(self, mark: str) -> list[tuple[DocumentId, str]]:
        """The passages that a search for the word finds, by document."""
        hits = self.library.query(USER, Question(text=mark, mode=SearchMode.KEYWORD, top_k=100))
        return [(hit.document_id, hit.text) for hit in hits]

    def _submit(self) -> None:
        if len(self.sendings) >= self.most_jobs:
            return
        marks = {name: self.rng.choice(list(MARKS)) for name in self.rng.sample(NAMES, self.rng.choice((1, 1, 2, 3)))}
        kind = self.rng.choice(("texts", "files", "files", "archive"))
        flag = self.rng.choice(("", "", "force", "force_recreate", "replace", "replace", "replace"))
        if kind == "texts":
            marks.pop("c.json", None)
        if not marks:
            return
        with self.service.intake() as intake:
            files = {name: text_of(name, mark).encode() for name, mark in marks.items()}
            if kind == "archive":
                files = {"x.zip": zipped({name: data.decode() for name, data in files.items()})}
            for name, data in files.items():
                if kind == "texts":
                    intake.add_text(data.decode(), filename=name)
                    continue
                incoming = intake.open_file(name)
                incoming.write(data)
                intake.add_file(incoming)
            job_type = JobType.TEXT if kind == "texts" else JobType.FILE
            wanted = Wanted(job_type=job_type, **({flag: True} if flag else {}))
            job = self.service.submit(USER, wanted, intake)
        self.acts.append(f"{kind} {flag} {marks}")
        self.jobs.append(job.job_id)
        self.sendings.append(Sending(job.job_id, marks, flag == "force_recreate", kind == "archive"))

    def _command(self) -> None:
        if not self.sendings:
            return
        verb = self.rng.choice(("cancel", "pause", "resume", "retry", "retry"))
        sending = self.rng.choice(self.sendings)
        try:
            job = getattr(self.service, verb)(USER, sending.job_id)
        except WrongState:
            return
        self.acts.append(f"{verb} {self.sendings.index(sending)}")
        if verb == "cancel":
            self.cancelled[sending.job_id] = job.sequence
        sending.retries += verb == "retry"

    def _delete(self) -> None:
        known = self.library.list_documents(USER, limit=100, before=None)
        if not known:
            return
        chosen = self.rng.choice(known)
        try:
            self.library.delete_document(USER, chosen.document_id)
        except DocumentNotFound:
            return
        self.deleted.add(chosen.document_id)


def marks_in(text: str) -> set[str]:
    """The words of a text that are no numbers."""
    return set(re.findall(r"[a-z]+", text))
