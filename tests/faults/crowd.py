"""A world in which many jobs are on the same few documents: by name, by bytes, or by both.

They are in two workspaces, which now and then get another model, or are deleted and come back under the same name.
"""

import hashlib
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from headrace.engine import housekeeping
from headrace.engine.parsing import limits_of
from headrace.model.document import Workspace
from headrace.model.errors import DocumentError, DocumentNotFound, WrongState
from headrace.model.ids import DocumentId, JobId
from headrace.model.rag import NO_EMBEDDER
from headrace.model.vocabulary import JobStatus, JobType
from headrace.pipeline.embed import Embedders, OnWait, Options, ignore
from headrace.pipeline.sandbox import Member, Reading, Source, never
from headrace.search.query import SearchMode
from headrace.service import Request as Wanted
from headrace.service.library import Question
from headrace.store import jobs
from tests.faults.forge import USER
from tests.faults.here import Here
from tests.faults.world import World
from tests.unit.pipeline.documents import zipped

MARKS = {"alpha": 3, "beta": 40, "gamma": 900, "delta": 1800}
"""The word that all of a text consists of, so that a mixture is seen, and how often it is there."""

TEXTS = {mark: " ".join(f"{mark} {number}" for number in range(count)) for mark, count in MARKS.items()}
BROKEN = "[1,\n"
NAMES = ("a.txt", "b.txt", "c.json")
WORKSPACES = (None, None, "other")
MODELS = ("minilm", "fastembed", "none")
"""By the names of real ones, none of which is ever loaded."""


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

    dimensions = 8
    max_tokens = 256

    def __init__(self, world: "Crowd", name: str) -> None:
        self._world, self.name = world, name

    def batches(self, texts: Sequence[str], *, on_wait: OnWait = ignore) -> Iterator[tuple[Sequence[int], Any]]:
        del on_wait
        for place in range(0, len(texts), 2):
            if self._world.is_deadly and self._world.rng.random() < 0.05:
                raise DocumentError("embedding_failed", "it refuses")
            some = range(place, min(place + 2, len(texts)))
            yield some, np.array([vector_of(self.name, texts[one]) for one in some], np.float16)

    def embed_query(self, text: str) -> Any:
        return vector_of(self.name, text)


def vector_of(model: str, text: str) -> Any:
    """What a model makes of a text, `(8,) float32`."""
    found = np.frombuffer(hashlib.sha256(f"{model} {text}".encode()).digest()[:8], np.uint8).astype(np.float32) + 1
    return found / np.linalg.norm(found)


class Models(Embedders):
    """Those of this world, under the names of real ones."""

    def __init__(self, options: Options, world: "Crowd") -> None:
        super().__init__(options)
        self._made |= {name: Hashed(world, name) for name in MODELS if name != NO_EMBEDDER}


@dataclass(slots=True)
class Sending:
    """What a user has sent with one job, by name, and what became of the job by their own doing."""

    job_id: JobId
    workspace_id: str | None
    marks: Mapping[str, str]
    force_recreate: bool
    is_archive: bool
    retries: int = 0


class Crowd(World):
    """The same verbs and deaths, with few names, few texts, and those who take back what they have sent."""

    embedder = "minilm"

    def __init__(self, folder: Path, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.sendings: list[Sending] = []
        self.deleted: set[DocumentId] = set()
        self.cleared: set[str] = set()
        self.others: list[JobId] = []
        super().__init__(folder, seed, patch)
        self.jumps = False  # no job is forgotten before it is looked at
        self.most_jobs = self.rng.choice((3, 6, 12))
        self.models = self.rng.choice((MODELS[:1], MODELS[:2], MODELS))
        self.clears = self.rng.random() < 0.4
        self._patch = patch

    def parsers(self) -> Here:
        return Unpackers(limits_of(self.settings))

    def embedders(self) -> Embedders:
        return Models(Options(**self.settings.embedders, threads=1), self)

    def acts_and_weights(self) -> list[tuple[Callable[[], None], int]]:
        changes = [(self._change_model, int(len(self.models) > 1)), (self._clear, int(self.clears))]
        return [*super().acts_and_weights(), (self._delete, 1), *changes]

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
        asked = Question(text=mark, mode=SearchMode.KEYWORD, top_k=100)
        each = [replace(asked, workspace=one.workspace_id) for one in self.workspaces()]
        return [(hit.document_id, hit.text) for one in each for hit in self.library.query(USER, one)]

    def workspaces(self) -> list[Workspace]:
        return self.library.list_workspaces(USER, limit=10, before=None)

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
            workspace = self.rng.choice(WORKSPACES)
            wanted = Wanted(job_type=job_type, workspace=workspace, **({flag: True} if flag else {}))
            job = self.service.submit(USER, wanted, intake)
        self.acts.append(f"{kind} {flag} {marks} to {workspace}")
        self.jobs.append(job.job_id)
        sending = Sending(job.job_id, job.workspace_id, marks, flag == "force_recreate", kind == "archive")
        self.sendings.append(sending)

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

    def _change_model(self) -> None:
        if not (known := self.workspaces()):
            return
        workspace, model = self.rng.choice(known), self.rng.choice(self.models)
        alive = self._alive_in(workspace)
        _, job = self.library.change_workspace(USER, workspace.workspace_id, name=None, rag_config={"embedder": model})
        self._note_cancelled(alive)
        self.acts.append(f"model {model} for {workspace.name}")
        self.others += [job.job_id] if job else []

    def _clear(self) -> None:
        if not (known := self.workspaces()):
            return
        workspace = self.rng.choice(known)
        alive = self._alive_in(workspace)
        self.others.append(self.library.delete_workspace(USER, workspace.workspace_id).job_id)
        self._note_cancelled(alive)
        self.acts.append(f"clear {workspace.name}")
        self.cleared.add(workspace.workspace_id)

    def _alive_in(self, workspace: Workspace) -> list[JobId]:
        with self.database.read() as connection:
            found = jobs.select_alive(connection, USER, limit=None)
        return [one.job_id for one in found if one.workspace_id == workspace.workspace_id]

    def _note_cancelled(self, alive: Sequence[JobId]) -> None:
        for job_id in alive:
            job = self.look_up(job_id)
            if job is not None and job.status is JobStatus.CANCELLED:
                self.cancelled[job_id] = job.sequence


def marks_in(text: str) -> set[str]:
    """The words of a text that are no numbers."""
    return set(re.findall(r"[a-z]+", text))
