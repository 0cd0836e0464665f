"""What an embedder is."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from headrace.model.errors import DocumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHARACTERS_PER_TOKEN = 3
"""A cautious guess: English has four to five, and no service tells before it is asked."""

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
        each second of it, with the seconds left, and with 0.0 after it or where there is nothing to wait for; it may
        raise to give up. Raises DocumentError `embedding_failed`.
        """
        ...

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        """The vector of a question, `(dimensions,) float32`. Raises DocumentError `embedding_failed`."""
        ...


class EmbedderAway(DocumentError):
    """No text is to blame: the service could not be asked, for as long as it is waited for."""
