"""Vectors for passages: what an embedder is, which ones there are, and what a vector is remembered under."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from headrace.pipeline import plugins
from headrace.pipeline.embed.embedder import CHARACTERS_PER_TOKEN, Embedder, EmbedderAway, OnWait, ignore
from headrace.pipeline.embed.shared import Load, Shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an operator says of embedders. `model` is a folder for `minilm`, a name for the others.

    `threads` 0 means one for each core. What begins with `batch_` or `patience_`, and `requests`, is of a service.
    """

    default: str = "minilm"
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None
    threads: int = 0
    batch_texts: int = 64
    batch_tokens: int = 8_192
    patience_seconds: float = 300.0
    requests: int = 4

    @property
    def name(self) -> str:
        """What the installation's default stands for, without loading anything."""
        return f"{self.default}:{self.url or ''}:{self.model or ''}"


class Embedders:
    """The embedders of one process by the names that workspaces choose; each is made once, shared, and loads late.

    `default` is the operator's. `minilm` is the built-in model; `openai` any service with an OpenAI-compatible
    `{url}/embeddings`; `fastembed` that package's models; `none` keyword search only. Other packages may bring more.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._made: dict[str, Embedder] = {}
        self._lock = Lock()

    def get(self, choice: str) -> Embedder:
        """Raises ValueError for what is not known, or not set up."""
        name = self.options.default if choice == DEFAULT else choice
        with self._lock:
            if name not in self._made:
                self._made[name] = shared(made(name, self.options), name, self.options)
            return self._made[name]

    def is_same(self, one: str, other: str) -> bool:
        """Whether two choices come to the same vectors."""
        return self.get(one).name == self.get(other).name


DEFAULT = "default"
NO_VECTORS = "none"
CORES_A_LOAD = 4
"""More than so many cores do not make one small batch faster."""


def load_embedder(name: str, **options: Any) -> Embedder:
    """One embedder by itself; `options` are members of `Options`. Raises ValueError for what does not fit."""
    return made(name, Options(default=name, **options))


def made(name: str, options: Options) -> Embedder:
    """The embedder of that name; cheap, since models load late. Raises ValueError for what does not fit.

    The operator's model belongs to the operator's default; another local one is as it comes.
    """
    model = options.model if name == options.default else None
    if name == "minilm":
        from headrace.pipeline.embed.minilm import MiniLM

        return MiniLM(folder=Path(model) if model else None, threads=options.threads)
    if name == "openai":
        return _service(options)
    if name == "none":
        from headrace.pipeline.embed.none import NoEmbedder

        return NoEmbedder()
    if name == "fastembed":
        from headrace.pipeline.embed.fastembed import FastEmbed

        return FastEmbed(model=model, threads=options.threads)
    return _plugin(name)


def check(options: Options) -> None:
    """Without loading anything: raises ValueError where the default embedder is not known, or not set up."""
    if options.default == "openai":
        _service(options)
    elif options.default not in {"minilm", "none", "fastembed"}:
        _known_plugin(options.default)


def shared(embedder: Embedder, name: str, options: Options) -> Embedder:
    """The embedder as several jobs ask it; what makes no vectors is not asked."""
    if not makes_vectors(embedder):
        return embedder
    if name == "openai":
        characters = options.batch_tokens * CHARACTERS_PER_TOKEN
        return Shared(embedder, Load(texts=options.batch_texts, characters=characters, at_once=options.requests))
    return Shared(embedder, Load(at_once=max(1, (os.cpu_count() or 1) // CORES_A_LOAD)))


def _service(options: Options) -> Embedder:
    from headrace.pipeline.embed.openai import OpenAICompatible

    if not options.url or not options.model:
        raise ValueError("the embedder 'openai' needs a url and a model")
    return OpenAICompatible(
        url=options.url,
        model=options.model,
        api_key=options.api_key,
        patience_seconds=options.patience_seconds,
        batch_texts=options.batch_texts,
        batch_tokens=options.batch_tokens,
    )


def _plugin(name: str) -> Embedder:
    """What another package brings: a class, or a function without arguments, that makes an `Embedder`."""
    _known_plugin(name)
    embedder: Embedder = plugins.load(plugins.Group.EMBEDDERS, name)()
    return embedder


def _known_plugin(name: str) -> None:
    if name not in plugins.installed(plugins.Group.EMBEDDERS):
        raise ValueError(
            f"no embedder {name!r}; choose 'minilm', 'openai', 'fastembed', 'none', or install its package"
        )


def makes_vectors(embedder: Embedder) -> bool:
    """Whether there is anything to embed; unlike its dimensions, known without asking a service."""
    return embedder.name != NO_VECTORS


def receipt_key(embedder: Embedder, text: str) -> bytes:
    """What a vector is kept under: 32 bytes, SHA-256 over the embedder's name and the text."""
    return hashlib.sha256(b"\0".join((embedder.name.encode(), text.encode()))).digest()


__all__ = ["Embedder", "EmbedderAway", "Embedders", "OnWait", "Options", "ignore", "load_embedder"]
