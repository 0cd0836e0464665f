"""Parsers: every parse in a killable child of a warm process. Several threads read at once, a child each."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Self

from headrace.model.document import Section
from headrace.model.errors import DocumentError, UnsupportedType
from headrace.pipeline.extract import FORMATS, Format
from headrace.pipeline.extract.parts import Recognize
from headrace.pipeline.sandbox import wire
from headrace.pipeline.sandbox.cage import MAX_CHILD_AGE_SECONDS
from headrace.pipeline.sandbox.leash import Leashed, NurseryDied, crashed
from headrace.pipeline.sandbox.owner import Child
from headrace.pipeline.sandbox.recognition import PageTexts, Recognizer, read_picture, remembering
from headrace.pipeline.sandbox.warm import WarmProcess
from headrace.pipeline.source import Limits, Outline, Source
from headrace.pipeline.study import NO_BRIEF, NOTHING_FOUND, Brief, Skill

# A child reads on only while it stays cheap: the figures bound what one document can leave behind for the next.
MAX_DOCUMENTS_PER_CHILD = 200
MAX_REUSABLE_BYTES = 1_000_000


def never() -> bool:
    """Nobody wants to stop."""
    return False


def ordered(source: Source, *, first_section: int = 0, unpacks: bool = False, brief: Brief = NO_BRIEF) -> wire.Order:
    """What a child is told about a document."""
    return wire.Order(
        offset=source.offset,
        size=source.size,
        content_type=source.content_type,
        first_section=first_section,
        unpacks=unpacks,
        brief=brief,
    )


class Reading:
    """A document being read: iterate over its sections, once. `outline` is there from the start.

    `fraction` (0.0 to 1.0, never falling) says how far the document is read; the outline's warnings are complete at
    the end, when `findings` are there, too. Iteration raises DocumentError or Superseded, as `Parsers.open` does.
    """

    def __init__(self, messages: Iterator[wire.Message | bytes]) -> None:
        first = next(messages)
        if not isinstance(first, Outline):
            raise crashed()
        self.outline = first
        self.fraction = 0.0
        self.is_finished = False
        self.findings = NOTHING_FOUND
        self._messages = messages

    def __iter__(self) -> Iterator[Section]:
        for passage in self.passages():
            yield passage.section

    def passages(self) -> Iterator[wire.Passage]:
        """The sections with where they are to be cut, if the reading's brief asked for that."""
        for message in self._messages:
            if isinstance(message, wire.Passage):
                self.fraction = max(self.fraction, message.fraction)
                yield message
            elif isinstance(message, wire.Finished):
                links = {"links": list(message.links)} if message.links else {}
                metadata = {**self.outline.metadata, **links}
                self.outline = replace(
                    self.outline, warnings=message.warnings, failed_pages=message.failed_pages, metadata=metadata
                )
                self.findings = message.findings
                self.fraction, self.is_finished = 1.0, True

    def members(self) -> Iterator[wire.Member | wire.Spoilt | bytes]:
        """What is in an archive: each member, then its bytes, or that it is spoilt. In place of the sections."""
        for message in self._messages:
            if isinstance(message, wire.Finished):
                self.fraction, self.is_finished = 1.0, True
            elif isinstance(message, wire.Member | wire.Spoilt | bytes):
                yield message


class Opening:
    """A document that a child has been told to read, and may be reading; `reading` waits until it has begun."""

    def __init__(
        self,
        parsers: "Parsers",
        source: Source,
        order: wire.Order,
        messages: Callable[[Child], Iterator[wire.Message | bytes]],
    ) -> None:
        self._parsers, self._source, self._order, self._messages = parsers, source, order, messages
        self._reading: Reading | None = None
        self.child = self._begun(is_fresh=False)

    @property
    def is_sound(self) -> bool:
        """Whether the child has read all of it, and nothing has gone wrong."""
        return self._reading is not None and self._reading.is_finished

    def reading(self) -> Reading:
        """What the child says; or a second child, where the first died without a fault of the document.

        Raises as `Parsers.open` does.
        """
        try:
            return self._started()
        except NurseryDied:
            self._parsers.look_after()
        except DocumentError as error:
            if error.code != "parser_crashed" or self.child.document_count == 1:
                raise
        self.child.kill()
        self.child = self._begun(is_fresh=True)
        return self._started()

    def _started(self) -> Reading:
        self._reading = Reading(self._messages(self.child))
        return self._reading

    def _begun(self, *, is_fresh: bool) -> Child:
        child = self._parsers.take(self._source, self._order.brief.skill, is_fresh=is_fresh)
        try:
            child.begin(self._source, self._order)
        except BaseException:
            child.kill()
            raise
        return child


class Parsers:
    """Owns the warm process, which starts with the context (or the first document) and is restarted should it die.

    A child that read with a memory-safe extractor is kept for the next document. One that ran a C or C++ parser is not,
    since a document that took it over could lie about the next one; after a hardened parser it may read on for the same
    sender; `most_idle` are kept at once. `formats` adds to the built-in ones, or replaces them, by content type.
    Pictures are read by `recognizer`; without one a warning says so.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        formats: Mapping[str, Format] | None = None,
        recognizer: Recognizer | None = None,
        most_idle: int = 4,
    ) -> None:
        self._formats = {**FORMATS, **(formats or {})}
        self._limits = limits
        self._recognizer = recognizer
        self._most_idle = most_idle
        self._lock = Lock()
        self._warm: WarmProcess | None = None
        self._idle: list[Child] = []

    def __enter__(self) -> Self:
        with self._lock:
            self._warm_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def open(
        self,
        source: Source,
        *,
        first_section: int = 0,
        stop: Callable[[], bool] = never,
        texts: PageTexts | None = None,
        brief: Brief = NO_BRIEF,
    ) -> Iterator[Reading]:
        """Read a document from section number `first_section` on. Its child is gone, or idle, when the context ends.

        `stop` is asked at least every 0.1 s while the child is silent; once it says True the child is killed and
        Superseded raised. Raises DocumentError for what the document does: corrupt, encrypted, empty, too_large,
        timeout, out_of_memory, parser_crashed; UnsupportedType where no extractor reads its type; NurseryDied, no fault
        of the document, where no parser can be started.

        What is recognized in pictures goes into `texts`, and is taken from there the next time. What `brief` asks for
        comes with the sections and at the end.
        """
        with self.begin(source, first_section=first_section, stop=stop, texts=texts, brief=brief) as opening:
            yield opening.reading()

    def begin(
        self,
        source: Source,
        *,
        first_section: int = 0,
        stop: Callable[[], bool] = never,
        texts: PageTexts | None = None,
        brief: Brief = NO_BRIEF,
    ) -> AbstractContextManager[Opening]:
        """As `open`, without waiting for the document: its child reads ahead, as far as nobody must listen."""
        if source.content_type not in self._formats:
            raise UnsupportedType(f"documents of type {source.content_type!r} cannot be read")
        if not source.size:
            raise DocumentError("empty", "no text was found in the document: the file is empty")
        return self._opening(source, ordered(source, first_section=first_section, brief=brief), stop, texts)

    @contextlib.contextmanager
    def unpack(self, source: Source, *, stop: Callable[[], bool] = never) -> Iterator[Reading]:
        """Read an archive for its `members`; else as `open`."""
        with self._opening(source, ordered(source, unpacks=True), stop) as opening:
            yield opening.reading()

    @contextlib.contextmanager
    def _opening(
        self, source: Source, order: wire.Order, stop: Callable[[], bool], texts: PageTexts | None = None
    ) -> Iterator[Opening]:
        recognize: Recognize = partial(read_picture, self._fork_recognizer, limits=self._limits, stop=stop)
        if texts and self._recognizer:
            recognize = remembering(recognize, texts, self._recognizer)
        opening = Opening(self, source, order, lambda child: child.messages(order, self._limits, stop, recognize))
        try:
            yield opening
        finally:
            self._take_back(opening.child, source, is_sound=opening.is_sound)

    def look_after(self) -> None:
        """Somebody found the warm process dead: another one is started, unless another thread has done so."""
        with self._lock:
            if self._warm is not None and self._warm.has_died():
                self._stop()

    def take(self, source: Source, skill: Skill, *, is_fresh: bool) -> Child:
        """An idle child that is young and able enough and may read for this sender, or a new one."""
        with self._lock:
            for old in [one for one in self._idle if monotonic() - one.born_at >= MAX_CHILD_AGE_SECONDS]:
                self._idle.remove(old)
                old.kill()
            able = (one for one in reversed(self._idle) if one.skill >= skill)
            child = next((one for one in able if one.sender in {None, source.sender}), None)
            if child is not None and not is_fresh:
                self._idle.remove(child)
                return child
            try:
                return self._warm_up().fork(skill)
            except NurseryDied:
                self._stop()
                return self._warm_up().fork(skill)

    def _fork_recognizer(self) -> Leashed:
        with self._lock:
            return self._warm_up().fork_recognizer()

    def _warm_up(self) -> WarmProcess:
        self._warm = self._warm or WarmProcess(self._formats, self._limits, self._recognizer)
        return self._warm

    def _take_back(self, child: Child, source: Source, *, is_sound: bool) -> None:
        """Keep the child where that is safe and cheap, else end it."""
        format_ = self._formats[source.content_type]
        if not format_.is_memory_safe:
            child.sender = source.sender
        is_reusable = (
            is_sound
            and (format_.is_memory_safe or (format_.is_hardened and source.sender is not None))
            and source.size <= MAX_REUSABLE_BYTES
            and child.document_count < MAX_DOCUMENTS_PER_CHILD
        )
        ended: Child | None = child
        with self._lock:
            if is_reusable and self._warm is not None:
                self._idle.append(child)
                ended = self._idle.pop(0) if len(self._idle) > self._most_idle else None
        if ended is not None:
            ended.kill()

    def _stop(self) -> None:
        for child in self._idle:
            child.kill()
        self._idle.clear()
        if self._warm is not None:
            self._warm.close()
            self._warm = None

    def close(self) -> None:
        """End all processes; what is being read fails with `parser_crashed`. Harmless on a repeat."""
        with self._lock:
            self._stop()
