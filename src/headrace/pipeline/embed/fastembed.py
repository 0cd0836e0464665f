"""Vectors from fastembed's models, where that package is installed: `pip install fastembed`.

A model is fetched by fastembed when it is first asked for; without a network it must be in its cache already.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from headrace.model.errors import DocumentError
from headrace.pipeline.embed import OnWait, ignore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_MODEL = "BAAI/bge-small-en-v1.5"
WINDOW_TEXTS = 256
BATCH_TEXTS = 8
MIN_NORM = 1e-12


class FastEmbed:
    """A model by fastembed's name for it. Longer texts than 256 tokens are cut by the chunker before they come here."""

    max_tokens = 256

    def __init__(self, *, model: str | None = None, threads: int = 0) -> None:
        self._model_name, self._threads = model or DEFAULT_MODEL, threads
        self._lock = Lock()
        self._model: Any = None

    @property
    def name(self) -> str:
        """The model's name is all that fastembed tells of its weights."""
        return f"fastembed:{self._model_name}"

    @cached_property
    def dimensions(self) -> int:
        """As the model makes them."""
        return int(self.embed_query("dimensions").shape[0])

    def batches(
        self,
        texts: Sequence[str],
        *,
        on_wait: OnWait = ignore,  # noqa: ARG002  (it never waits)
    ) -> Iterator[tuple[Sequence[int], "NDArray[np.float16]"]]:
        """Texts of like length share a batch, since a batch is padded to its longest."""
        for start in range(0, len(texts), WINDOW_TEXTS):
            order = sorted(range(start, min(start + WINDOW_TEXTS, len(texts))), key=lambda place: len(texts[place]))
            for first in range(0, len(order), BATCH_TEXTS):
                places = order[first : first + BATCH_TEXTS]
                yield places, self._units(list(self._loaded().embed([texts[place] for place in places])))

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        """Some models put words of their own before a question."""
        vector: NDArray[np.float32] = self._units(list(self._loaded().query_embed(text))).astype("float32")[0]
        return vector

    def _units(self, vectors: Sequence[Any]) -> "NDArray[np.float16]":
        import numpy as np

        rows = np.asarray(vectors, np.float32)
        units: NDArray[np.float16] = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), MIN_NORM)).astype(
            np.float16
        )
        return units

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    def _load(self) -> Any:
        try:
            from fastembed import TextEmbedding
        except ModuleNotFoundError as error:
            detail = "the package fastembed is not installed; the operator must install it, or choose another embedder"
            raise DocumentError("embedding_failed", detail) from error
        try:
            return TextEmbedding(self._model_name, threads=self._threads or None)
        except Exception as error:
            detail = f"fastembed has no model {self._model_name!r} and cannot fetch it; the operator must provide it"
            raise DocumentError("embedding_failed", detail) from error
