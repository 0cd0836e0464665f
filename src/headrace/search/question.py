"""What is asked, and what either database must be able to answer."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import sqlalchemy as sa

from headrace.model.ids import DocumentId, UserId, WorkspaceId

if TYPE_CHECKING:
    import numpy as np


class SearchMode(StrEnum):
    """Which of the two indexes is asked."""

    HYBRID = "hybrid"
    VECTOR = "vector"
    KEYWORD = "keyword"


FEWEST_CANDIDATES = 100
"""How deep either ranking goes into a fused one: the same for each page, or a later one could repeat an earlier. On the
labelled sets of `bench/retrieval.py` a deeper one finds no better passages."""


class Clock(StrEnum):
    """The times that a document has: when it came in, when it last changed, and the dates in its text."""

    CREATED = "created_at"
    UPDATED = "updated_at"
    DATED = "dated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time: from `start` on, and before `end`; None where it is open. Both aware."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question of one user.

    `vector` is the embedding of `text`, `(dimensions,)`, an array or little-endian float16 bytes; None asks the
    keywords alone. No `workspace_id` means all of the user's. `filters` maps members of the documents' metadata
    (`"author.name"` is the `name` in the `author`) to the value wanted, to a list of which any will do, or to bounds
    such as `{"gte": 1900, "lt": 2000}`; a member that is a list has the value when one of its elements has it. `times`
    are bounds in time. The first `offset` passages are left out; `vector_workspaces` are those whose vectors compare
    with this one, None for all.
    """

    user_id: UserId
    text: str
    vector: "bytes | np.ndarray[Any, Any] | None" = None
    mode: SearchMode = SearchMode.HYBRID
    top_k: int = 10
    workspace_id: WorkspaceId | None = None
    document_ids: Sequence[DocumentId] | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)
    times: Mapping[Clock, Span] = field(default_factory=dict)
    offset: int = 0
    vector_workspaces: frozenset[str] | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether only some documents of a workspace are asked for."""
        return self.document_ids is not None or bool(self.filters) or bool(self.times)

    @property
    def depth(self) -> int:
        """How many candidates of each ranking are fused. It depends on nothing that differs from page to page."""
        return max(FEWEST_CANDIDATES, self.top_k)


class Candidate(NamedTuple):
    """A chunk found by one index; scores of different indexes do not compare."""

    chunk_id: int
    score: float


class Reading(Protocol):
    """One moment of the database: everything asked of it is of the same versions, best first, ties by chunk id."""

    connection: sa.Connection

    def by_keyword(self, limit: int) -> list[Candidate]:
        """Chunks with any of the words, those with all of them first. Scores are between 0 and 2."""

    def by_vector(self, limit: int) -> list[Candidate]:
        """The nearest chunks by cosine, -1 to 1; none when the query's vector has no direction."""

    def highlights(self, texts: Mapping[int, str]) -> dict[int, tuple[tuple[int, int], ...]]:
        """Where the words of the question are in these chunks' texts: starts and ends in characters, end exclusive."""


class Finder(Protocol):
    """Opens readings; there is one implementation for each database."""

    def reading(self, query: Query) -> AbstractContextManager[Reading]:
        """A moment in which `query` can be answered.

        Raises:
            InvalidField: the filters cannot be meant.
        """
