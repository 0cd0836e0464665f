"""No vectors: keyword search only."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from headrace.pipeline.embed import OnWait, ignore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class NoEmbedder:
    """Yields no batch, since there is nothing to store, and an empty vector for a query."""

    name = "none"
    dimensions = 0
    max_tokens = 256

    def batches(
        self,
        texts: Sequence[str],  # noqa: ARG002
        *,
        on_wait: OnWait = ignore,  # noqa: ARG002
    ) -> Iterator[tuple[Sequence[int], "NDArray[np.float16]"]]:
        """None at all."""
        return iter(())

    def embed_query(self, text: str) -> "NDArray[np.float32]":  # noqa: ARG002
        """Of length 0."""
        import numpy as np

        return np.zeros(0, np.float32)
