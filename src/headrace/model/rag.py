"""How a workspace's documents are cut, described, embedded and searched."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

NO_EMBEDDER = "none"
DEFAULT_EMBEDDER = "default"

ENRICHERS = {
    "title": True,
    "language": True,
    "keywords": True,
    "summary": True,
    "dates": True,
    "duplicates": True,
    "llm": False,
}
"""What can be found out about a document, and whether it is unless a workspace says otherwise."""

PIPELINE = 1
"""Grows when the same settings make other chunks or descriptions of the same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RagConfig:
    """A workspace's settings. Those that it does not set are its user's defaults, and then these.

    `chunk_size` and `chunk_overlap` are in tokens of the embedder; `embedder` is `default` (the installation's), `none`
    (keyword search only) or another one by name; `enrichment` is all or nothing, or says it for each enricher;
    `max_embeddings` is the number of texts that one job may have embedded, None for the installation's limit;
    `search_mode` is used where a query does not name one.
    """

    chunk_size: int = 256
    chunk_overlap: int = 0
    embedder: str = DEFAULT_EMBEDDER
    enrichment: bool | Mapping[str, Any] = True
    max_embeddings: int | None = None
    search_mode: str = "hybrid"
    worker_tag: str | None = None

    def to_json(self) -> dict[str, Any]:
        """All members."""
        return asdict(self)

    @property
    def enrichers(self) -> frozenset[str]:
        """Those that are on."""
        if isinstance(self.enrichment, bool):
            return frozenset(name for name, is_on in ENRICHERS.items() if is_on and self.enrichment)
        chosen = ENRICHERS | {name: value for name, value in self.enrichment.items() if name in ENRICHERS}
        return frozenset(name for name, is_on in chosen.items() if is_on)

    @property
    def brought(self) -> tuple[str, ...]:
        """Enrichers of other packages, by name."""
        return () if isinstance(self.enrichment, bool) else tuple(self.enrichment.get("plugins", ()))

    def recipe(self, installation: str) -> str:
        """Equal for settings that make the same of the same bytes. `installation` names what `default` stands for."""
        parts: list[Any] = [PIPELINE, self.chunk_size, self.chunk_overlap, self.embedder, sorted(self.enrichers)]
        parts += [*self.brought, installation]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @classmethod
    def merged(cls, *layers: Mapping[str, Any]) -> "RagConfig":
        """The later layers win; members that are not known are left out."""
        known = {one.name for one in fields(cls)}
        values = {name: value for layer in layers for name, value in layer.items() if name in known}
        return cls(**values)
