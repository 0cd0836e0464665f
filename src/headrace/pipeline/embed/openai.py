"""Vectors from any service with OpenAI's embeddings interface: OpenAI, Ollama, vLLM, TEI and others."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from time import monotonic, sleep
from typing import TYPE_CHECKING

import httpx
import orjson

from headrace.model.errors import DocumentError
from headrace.pipeline.embed.embedder import CHARACTERS_PER_TOKEN, EmbedderAway, OnWait, ignore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_TEXTS = 64
BATCH_TOKENS = 8_192
REQUEST_SECONDS = 60.0
# How long one batch is tried in all, waits included, before its document fails.
PATIENCE_SECONDS = 300.0
FIRST_WAIT_SECONDS, MAX_WAIT_SECONDS = 0.5, 60.0
MOST_TRIES = 12
JITTER = 0.2
"""A wait is longer by up to this share of it, so that workers that were refused together do not come back together."""
TICK_SECONDS = 1.0
RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
MAX_ANSWER_BYTES = 64 << 20
MIN_NORM = 1e-12


class OpenAICompatible:
    """POSTs `{url}/embeddings`; a busy service (429, 5xx) is asked again as its Retry-After says.

    `max_tokens` is the smallest window among common models, so that nothing is lost whichever it is.
    """

    max_tokens = 256

    def __init__(
        self,
        *,
        url: str,
        model: str,
        api_key: str | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
        batch_texts: int = BATCH_TEXTS,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(headers=headers, timeout=request_seconds)
        self._url, self._model, self._patience_seconds = f"{url.rstrip('/')}/embeddings", model, patience_seconds
        self._batch_texts, self._batch_characters = batch_texts, batch_tokens * CHARACTERS_PER_TOKEN

    @property
    def name(self) -> str:
        """The address counts too: one name may mean different weights in different places."""
        return f"openai:{self._url}:{self._model}"

    @cached_property
    def dimensions(self) -> int:
        """Asked from the service by one word, the first time."""
        return int(self.embed_query("dimensions").shape[0])

    def batches(
        self, texts: Sequence[str], *, on_wait: OnWait = ignore
    ) -> Iterator[tuple[Sequence[int], "NDArray[np.float16]"]]:
        """In the order of `texts`, as many a request as its limits on texts and tokens let through."""
        for places in portions([len(text) for text in texts], self._batch_texts, self._batch_characters):
            yield places, self._vectors([texts[place] for place in places], on_wait).astype("float16")

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        """One text, one request."""
        vector: NDArray[np.float32] = self._vectors([text], ignore)[0]
        return vector

    def close(self) -> None:
        """Close the connections to the service."""
        self._client.close()

    def _vectors(self, texts: Sequence[str], on_wait: OnWait) -> "NDArray[np.float32]":
        body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        deadline, pause = monotonic() + self._patience_seconds, FIRST_WAIT_SECONDS
        for tries in range(1, MOST_TRIES + 1):
            answer, problem = self._asked(body)
            if answer is not None:
                return vectors_of(answer, len(texts))
            asked_for = problem.retry_after_seconds
            wait = (asked_for or min(MAX_WAIT_SECONDS, pause)) * (1 + random.uniform(0, JITTER))  # noqa: S311
            if not problem.is_passing:
                raise DocumentError("embedding_failed", problem.sentence)
            if tries == MOST_TRIES or monotonic() + wait > deadline:
                raise EmbedderAway("embedding_failed", f"{problem.sentence}; it asks to wait {wait:.0f} s")
            wait_visibly(wait, on_wait)
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def _asked(self, body: object) -> tuple[bytes | None, "Problem"]:
        """The answer's bytes, or what was in the way."""
        try:
            response = self._client.post(self._url, json=body)
        except httpx.TransportError:
            return None, Problem("the embedding service cannot be reached; its operator can tell more", is_passing=True)
        if response.is_success and len(response.content) <= MAX_ANSWER_BYTES:
            return response.content, Problem("")
        return None, problem_of(response)


class Problem:
    """Why there is no answer, and whether asking again may help."""

    def __init__(self, sentence: str, *, is_passing: bool = False, retry_after_seconds: float = 0.0) -> None:
        self.sentence, self.is_passing, self.retry_after_seconds = sentence, is_passing, retry_after_seconds


def portions(sizes: Sequence[int], most: int, most_size: int) -> Iterator[list[int]]:
    """The places of `sizes` in runs of at most `most` and at most `most_size` together; a larger one goes alone."""
    run: list[int] = []
    total = 0
    for place, size in enumerate(sizes):
        if run and (len(run) >= most or total + size > most_size):
            yield run
            run, total = [], 0
        run.append(place)
        total += size
    if run:
        yield run


def problem_of(response: httpx.Response) -> Problem:
    """What a status means to the person who sent the document."""
    status = response.status_code
    if status in {401, 403}:
        return Problem(f"the embedding service refused our key ({status}); the operator must correct it")
    if status in RETRIED:
        sentence = f"the embedding service is too busy ({status}); try again later"
        return Problem(sentence, is_passing=True, retry_after_seconds=retry_after_seconds(response))
    return Problem(f"the embedding service refused the text ({status}); the operator must check its model and address")


def retry_after_seconds(response: httpx.Response) -> float:
    """What the service asks to wait: in seconds, in milliseconds as OpenAI says it, or until a date; 0 for nothing."""
    exact = _number(response.headers.get("retry-after-ms", ""))
    if exact:
        return exact / 1000
    value = response.headers.get("retry-after", "")
    return _number(value) or _seconds_until(value)


def _number(value: str) -> float:
    return float(value) if value.replace(".", "", 1).isdecimal() else 0.0


def _seconds_until(value: str) -> float:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def wait_visibly(seconds: float, on_wait: OnWait) -> None:
    """Sleep, telling each second how long it still is."""
    end = monotonic() + seconds
    while (left := end - monotonic()) > 0:
        on_wait(left)
        sleep(min(TICK_SECONDS, left))
    on_wait(0.0)


def vectors_of(answer: bytes, count: int) -> "NDArray[np.float32]":
    """`(count, dimensions)` rows of length 1, in the order of the texts. Raises DocumentError for any other answer."""
    import numpy as np

    try:
        rows = sorted(orjson.loads(answer)["data"], key=lambda row: row["index"])
        is_complete = [row["index"] for row in rows] == list(range(count))
        vectors = np.array([row["embedding"] for row in rows], np.float32)
    except (ValueError, KeyError, TypeError) as error:
        raise no_vectors() from error
    if vectors.ndim != 2 or not is_complete or not np.isfinite(vectors).all():
        raise no_vectors()
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(norms, MIN_NORM)
    return unit


def no_vectors() -> DocumentError:
    """The service answered something else."""
    detail = "the embedding service gave an answer that is none; the operator must check its model and address"
    return DocumentError("embedding_failed", detail)
