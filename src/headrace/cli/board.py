"""What the bars show, folded from frames and document lists: it never goes back, and knows no terminal and no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.model.vocabulary import WORKING_STAGES, EventType, JobStatus, Stage

SIGNS = {
    Stage.RECEIVED: "📥",
    Stage.EXTRACTING: "🔍",
    Stage.CHUNKING: "✂️",
    Stage.ENRICHING: "✨",
    Stage.INDEXING: "🗂️",
    Stage.COMPLETED: "✅",
    Stage.FAILED: "❌",
    Stage.CANCELLED: "🚫",
}
SEPARATE_FILES = 10
"""Up to so many files have a bar each; more are folded into one for each stage."""

_CUT = frozenset({Stage.FAILED, Stage.CANCELLED})
_ANEW = frozenset({EventType.RESET, EventType.JOB_RESUMED, EventType.JOB_RECEIVED})


@dataclass(slots=True)
class Bar:
    """One line. `share` is 0.0-1.0, `counter` as "4 of 10", `note` a reason or a time left."""

    name: str
    stage: Stage = Stage.RECEIVED
    share: float = 0.0
    counter: str = ""
    note: str = ""

    def advance(self, stage: Stage, share: float) -> None:
        """Move on, never back."""
        if stage.rank >= self.stage.rank:
            self.stage = stage
        self.share = max(self.share, min(1.0, share))


@dataclass(slots=True)
class Board:
    """One job on the screen: the whole of it, and its files or its stages."""

    total: Bar = field(default_factory=lambda: Bar(name="all"))
    files: dict[str, Bar] = field(default_factory=dict)
    stages: dict[Stage, Bar] = field(default_factory=dict)
    eta_seconds: float | None = None
    processed_items: int = 0
    total_items: int = 0
    failed_items: int = 0
    message: str = ""
    chunk_count: int = 0
    has_ended: bool = False

    def apply(self, frame: Mapping[str, Any]) -> None:
        """Take in one frame of the job."""
        if frame.get("type") in _ANEW:
            self._begin_again()
        if frame.get("progress") is None or frame.get("stage") is None:
            return
        stage = Stage(frame["stage"])
        self.total.advance(stage, float(frame["progress"]))
        self.total.counter = counter(frame.get("current_chunk"), frame.get("total_chunks"))
        self.eta_seconds = frame.get("eta_seconds")
        self.processed_items = frame.get("processed_items") or 0
        self.total_items = frame.get("total_items") or 0
        self.failed_items = frame.get("failed_items") or 0
        self.chunk_count = (frame.get("stats") or {}).get("chunks", self.chunk_count)
        self.message = frame.get("error_message") or frame.get("message") or ""
        self.has_ended = stage.is_final

    def apply_documents(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Take in the list of the job's documents."""
        listed = list(documents)
        if len(listed) <= SEPARATE_FILES:
            for document in listed:
                self._apply_file(document)
        else:
            self._apply_stages(listed)

    def _begin_again(self) -> None:
        """A retry starts the failed files anew, and a restored server may know less."""
        self.total = Bar(name="all")
        self.files.clear()
        self.stages.clear()

    def _apply_file(self, document: Mapping[str, Any]) -> None:
        bar = self.files.setdefault(str(document["document_id"]), Bar(name=str(document["filename"])))
        stage = Stage(document["stage"])
        bar.advance(stage, 0.0 if stage is Stage.FAILED else float(document["progress"]))
        bar.counter = counter(document["current_chunk"], document["total_chunks"])
        if stage is Stage.FAILED:
            bar.note = str(document["error_message"] or "")

    def _apply_stages(self, documents: list[Mapping[str, Any]]) -> None:
        """Those that failed or were cancelled count as far as they were seen to come."""
        reached = [stage for stage in map(Stage, (document["stage"] for document in documents)) if stage not in _CUT]
        for stage in WORKING_STAGES[1:]:
            past = sum(one.rank > stage.rank for one in reached)
            bar = self.stages.setdefault(stage, Bar(name=stage.value, stage=stage))
            bar.advance(stage, past / len(documents))
            bar.counter = f"{round(bar.share * len(documents))} of {len(documents)}"


def counter(done: object, of: object) -> str:
    """`4 of 10`; nothing while the whole is unknown."""
    return f"{done or 0} of {of}" if isinstance(of, int) and of > 0 else ""


def time_left(seconds: float | None) -> str:
    """`about 2 min left`; nothing while it cannot be told."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 3600:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"


def outcome(status: JobStatus | str, documents: int, failed: int, chunks: int) -> str:
    """The last line for a person."""
    said = f"{documents - failed} of {documents} documents" if failed else plural(documents, "document")
    if status == JobStatus.COMPLETED:
        return f"✅ {said} searchable, {plural(chunks, 'chunk')}"
    return f"{SIGNS[Stage(status)]} {status}"


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
