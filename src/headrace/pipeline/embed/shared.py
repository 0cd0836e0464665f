"""One embedder that several threads ask: what they ask goes through it together, in full batches.

Nothing waits for a batch to fill while the embedder is idle, but for a few milliseconds: what comes while it is busy
makes up the next load. Everybody has a fair share of each load, so that a short document does not wait for a long one.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from headrace.model.errors import DocumentError
from headrace.pipeline.embed.embedder import Embedder, EmbedderAway, OnWait, ignore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GATHER_SECONDS = 0.005
IDLE_SECONDS = 10.0
RUN_TEXTS = 16
"""Two batches of a local model."""
LOOK_SECONDS = 0.25
"""Whoever waits for vectors is asked so often whether it still wants them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is given to the embedder at a time: texts, and their characters (0 for any); and how many loads at once."""

    texts: int = 64
    characters: int = 0
    at_once: int = 1


def spread(sizes: Sequence[int]) -> list[int]:
    """The places of these, sorted into runs of like size, which are cheap together; but short and long runs in turns.

    So that what is done says how long the rest takes, wherever one looks: in the order of numbers whose bits are read
    backwards every beginning is a fair sample.
    """
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    runs = [order[start : start + RUN_TEXTS] for start in range(0, len(order), RUN_TEXTS)]
    bits = (len(runs) - 1).bit_length()
    return [
        place
        for number in sorted(range(len(runs)), key=lambda number: f"{number:0{bits}b}"[::-1])
        for place in runs[number]
    ]


class Shared:
    """Behaves as the embedder that it is made of. Texts that fail fail those who asked for them, and nobody else."""

    def __init__(self, embedder: Embedder, load: Load) -> None:
        self._embedder, self._load = embedder, load
        self._waiting: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._lanes = self._idle = 0

    @property
    def name(self) -> str:
        """That of the embedder."""
        return self._embedder.name

    @property
    def dimensions(self) -> int:
        """Those of the embedder."""
        return self._embedder.dimensions

    @property
    def max_tokens(self) -> int:
        """Those of the embedder."""
        return self._embedder.max_tokens

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        """A question does not wait for documents."""
        return self._embedder.embed_query(text)

    def batches(
        self, texts: Sequence[str], *, on_wait: OnWait = ignore
    ) -> Iterator[tuple[Sequence[int], "NDArray[np.float16]"]]:
        """As the embedder makes them, beside those of others. Who stops reading is not embedded for any more."""
        if not texts:
            return
        request = _Request(texts)
        self._ask(request)
        try:
            yield from request.answered(on_wait)
        finally:
            self._leave(request)

    def _ask(self, request: "_Request") -> None:
        with self._changed:
            self._waiting.append(request)
            self._call_a_lane()

    def _call_a_lane(self) -> None:
        """Somebody waits: wake a lane that has nothing to do, or open another."""
        self._changed.notify()
        if not self._idle and self._lanes < self._load.at_once:
            self._lanes += 1
            threading.Thread(target=self._run, name="headrace-embedding", daemon=True).start()

    def _leave(self, request: "_Request") -> None:
        with self._changed:
            request.is_given_up = True
            if request in self._waiting:
                self._waiting.remove(request)

    def _run(self) -> None:
        while seats := self._gather():
            self._embed(seats)

    def _gather(self) -> list["_Seat"]:
        """The next load; nothing when nobody has asked for long."""
        with self._changed:
            self._idle += 1
            is_asked = self._changed.wait_for(lambda: self._waiting, IDLE_SECONDS)
            self._idle -= 1
            if not is_asked:
                self._lanes -= 1
                return []
            if not self._is_full():
                self._changed.wait_for(self._is_full, GATHER_SECONDS)
            seats = self._seated()
            if self._waiting:
                self._call_a_lane()
            return seats or self._gather()

    def _is_full(self) -> bool:
        return sum(len(one.open) for one in self._waiting) >= self._load.texts

    def _seated(self) -> list["_Seat"]:
        """One text of each request in turn."""
        seats: list[_Seat] = []
        characters = 0
        while self._waiting and len(seats) < self._load.texts:
            request = self._waiting[0]
            size = len(request.texts[request.open[-1]])
            if seats and self._load.characters and characters + size > self._load.characters:
                break
            seats.append(_Seat(request, request.open.pop()))
            characters += size
            self._waiting.rotate(-1)
            if not request.open:
                self._waiting.remove(request)
        return seats

    def _embed(self, seats: Sequence["_Seat"]) -> None:
        """Answer everybody: with vectors, or with what was in the way."""
        left = dict(enumerate(seats))
        try:
            for places, vectors in self._embedder.batches([seat.text for seat in seats], on_wait=_telling(seats)):
                _hand_out([left.pop(place) for place in places], vectors)
                if all(seat.request.is_given_up for seat in left.values()):
                    return
        except _NobodyIsThere:
            return
        except Exception as error:  # noqa: BLE001  (it is theirs who asked)
            self._blame(list(left.values()), error)
        else:
            self._blame(list(left.values()), DocumentError("embedding_failed", "the embedder has left out a text"))

    def _blame(self, seats: Sequence["_Seat"], error: Exception) -> None:
        """Of several requests any may have caused it: each is tried by itself, unless there is nobody to be asked."""
        requests = list(dict.fromkeys(seat.request for seat in seats))
        for request in requests:
            if len(requests) == 1 or isinstance(error, EmbedderAway):
                request.answers.put(error)
            else:
                self._embed([seat for seat in seats if seat.request is request])


class _NobodyIsThere(Exception):
    """All who asked have given up."""


class _Request:
    """Texts of one caller. `open` are the places of those that nobody embeds yet, the next one last."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.open = spread([len(text) for text in texts])[::-1]
        self.answers: SimpleQueue[tuple[Sequence[int], NDArray[np.float16]] | float | Exception] = SimpleQueue()
        self.is_given_up = False

    def answered(self, on_wait: OnWait) -> Iterator[tuple[Sequence[int], "NDArray[np.float16]"]]:
        """What comes, until all have come; seconds that a service asks to wait are passed on."""
        missing, seconds = len(self.texts), 0.0
        while missing:
            try:
                answer = self.answers.get(timeout=LOOK_SECONDS)
            except Empty:
                answer = seconds
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, float):
                seconds = answer
                on_wait(seconds)
                continue
            missing -= len(answer[0])
            yield answer


@dataclass(frozen=True, slots=True)
class _Seat:
    """A text in a load."""

    request: _Request
    place: int

    @property
    def text(self) -> str:
        return self.request.texts[self.place]


def _hand_out(seats: Sequence[_Seat], vectors: "NDArray[np.float16]") -> None:
    for request in dict.fromkeys(seat.request for seat in seats):
        rows = [row for row, seat in enumerate(seats) if seat.request is request]
        request.answers.put(([seats[row].place for row in rows], vectors[rows]))


def _telling(seats: Sequence[_Seat]) -> OnWait:
    requests = list(dict.fromkeys(seat.request for seat in seats))

    def on_wait(seconds: float) -> None:
        if all(request.is_given_up for request in requests):
            raise _NobodyIsThere
        for request in requests:
            request.answers.put(seconds)

    return on_wait
