"""Vectors for passages: what an embedder is, which ones there are, and what a vector is remembered under."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OnWait = Callable[[float], None]


def ignore(seconds: float) -> None:
    """Nobody watches."""


class Embedder(Protocol):
    """Turns texts into unit vectors. Thread-safe; loads what it needs when it is first asked for a vector."""

    @property
    def name(self) -> str:
        """Model and parameters: two embedders of one name give the same vectors. Part of every receipt's key."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of each vector; 0 where there are none."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens of one text that count, the special ones included; the rest would be lost."""
        ...

    def batches(
        self, texts: Sequence[str], *, on_wait: OnWait = ignore
    ) -> Iterator[tuple[Sequence[int], "NDArray[np.float16]"]]:
        """Indices into `texts` and their vectors, `(len(indices), dimensions) float16`, as each small batch is done.

        Every index comes once, in no promised order. `on_wait(seconds)` is called before each wait for a service, and
        each second of it, with the seconds left, and with 0.0 after it; it may raise to give up. Raises DocumentError
        `embedding_failed`.
        """
        ...

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        """The vector of a question, `(dimensions,) float32`. Raises DocumentError `embedding_failed`."""
        ...


def load_embedder(
    name: str, *, url: str | None = None, api_key: str | None = None, model: str | None = None, threads: int = 0
) -> Embedder:
    """The embedder that an operator names; cheap, since models load late. Raises ValueError for what does not fit.

    `minilm`: the built-in model, or `model.onnx` and `vocab.txt` in the folder `model`; `threads` 0 means one for each
    core. `openai`: any service with an OpenAI-compatible `{url}/embeddings`. `none`: keyword search only.
    """
    if name == "minilm":
        from headrace.pipeline.embed.minilm import MiniLM

        return MiniLM(folder=Path(model) if model else None, threads=threads)
    if name == "openai":
        from headrace.pipeline.embed.openai import OpenAICompatible

        if not url or not model:
            raise ValueError("the embedder 'openai' needs a url and a model")
        return OpenAICompatible(url=url, model=model, api_key=api_key)
    if name == "none":
        from headrace.pipeline.embed.none import NoEmbedder

        return NoEmbedder()
    raise ValueError(f"no embedder {name!r}; choose 'minilm', 'openai' or 'none'")


def receipt_key(embedder: Embedder, text: str) -> bytes:
    """What a vector is kept under: 32 bytes, SHA-256 over the embedder's name and the text."""
    return hashlib.sha256(b"\0".join((embedder.name.encode(), text.encode()))).digest()
