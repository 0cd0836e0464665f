"""How a workspace's documents are cut, described, embedded and searched."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

NO_EMBEDDER = "none"
DEFAULT_EMBEDDER = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class RagConfig:
    """A workspace's settings. Those that it does not set are its user's defaults, and then these.

    `chunk_size` and `chunk_overlap` are in tokens of the embedder; `embedder` is `default` (the installation's) or
    `none` (keyword search only); `search_mode` is used where a query does not name one.
    """

    chunk_size: int = 256
    chunk_overlap: int = 0
    embedder: str = DEFAULT_EMBEDDER
    enrichment: bool = True
    search_mode: str = "hybrid"

    def to_json(self) -> dict[str, Any]:
        """All members."""
        return asdict(self)

    @classmethod
    def merged(cls, *layers: Mapping[str, Any]) -> "RagConfig":
        """The later layers win; members that are not known are left out."""
        known = {field.name for field in fields(cls)}
        values = {name: value for layer in layers for name, value in layer.items() if name in known}
        return cls(**values)
