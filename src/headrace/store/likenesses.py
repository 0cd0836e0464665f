"""Documents of one workspace that have the same bytes, or nearly the same text, as one that came before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from headrace.model.document import Document
from headrace.model.ids import DocumentId
from headrace.model.job import Item
from headrace.store.database import Transaction
from headrace.store.schema import document, likeness

BANDS = 4
NEAR_BITS = 3
MOST_COMPARED = 200
SAME, NEAR = "duplicate_of", "similar_to"


def with_duplicates(
    transaction: Transaction, mine: Document, item: Item, simhash: bytes | None, same: str | None
) -> Item:
    """The item with the id of an earlier document in its description, where there is one; and found by later ones.

    `same` is what `find_same` has found.
    """
    description = {name: value for name, value in item.description.items() if name not in {SAME, NEAR}}
    found: Mapping[str, Any] = {}
    if same is not None:
        found = {SAME: same}
    elif simhash is not None and (near := _find_near(transaction, mine, simhash)) is not None:
        found = {NEAR: near}
    if simhash is not None:
        _remember(transaction, mine, simhash, is_first=item.claim <= 1 and item.version == 1)
    return replace(item, description={**description, **found})


def find_same(transaction: Transaction, documents: Sequence[Document]) -> dict[DocumentId, str]:
    """For each of these documents of one workspace an earlier one of the same bytes, where there is one."""
    if not documents:
        return {}
    statement = (
        sa.select(document.c.sha256, sa.func.min(document.c.document_id).label("first"))
        .where(
            document.c.workspace_id == documents[0].workspace_id,
            document.c.sha256.in_({one.sha256 for one in documents}),
            document.c.deleted_at.is_(None),
        )
        .group_by(document.c.sha256)
    )
    first = {row["sha256"]: row["first"] for row in transaction.execute(statement).mappings()}
    known = {one.document_id: first.get(one.sha256, one.document_id) for one in documents}
    return {document_id: earlier for document_id, earlier in known.items() if earlier < document_id}


def _find_near(transaction: Transaction, mine: Document, simhash: bytes) -> str | None:
    wanted: dict[str, Any] = {f"band_{place}": band for place, band in enumerate(bands(simhash))}
    wanted |= {"of_workspace": mine.workspace_id, "before": mine.document_id}
    for document_id, other in transaction.select_prepared(_NEAR, wanted):
        if distance(bytes(other), simhash) <= NEAR_BITS:
            return str(document_id)
    return None


def _remember(transaction: Transaction, mine: Document, simhash: bytes, *, is_first: bool) -> None:
    if not is_first:
        transaction.execute(sa.delete(likeness).where(likeness.c.document_id == mine.document_id))
    rows = [
        {"workspace_id": mine.workspace_id, "band": band, "document_id": mine.document_id, "simhash": simhash}
        for band in bands(simhash)
    ]
    transaction.execute_many(_REMEMBER[transaction.is_sqlite], rows)


def bands(simhash: bytes) -> list[int]:
    """Its quarters, each with its place in it: hashes that differ in at most three bits agree in one of them."""
    width = len(simhash) // BANDS
    return [
        place << (8 * width) | int.from_bytes(simhash[place * width : (place + 1) * width]) for place in range(BANDS)
    ]


def distance(one: bytes, other: bytes) -> int:
    """In how many bits two hashes differ."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


def _remembering(insert: Callable[[sa.Table], Any]) -> Any:
    """Of two jobs on one document either may come first, also the one that was sent later."""
    statement = insert(likeness)
    changed = {"simhash": statement.excluded.simhash}
    return statement.on_conflict_do_update(index_elements=list(likeness.primary_key), set_=changed)


_REMEMBER = {True: _remembering(sqlite_insert), False: _remembering(postgres_insert)}
_NEAR = (
    sa.select(likeness.c.document_id, likeness.c.simhash)
    .join(document, document.c.document_id == likeness.c.document_id)
    .where(
        likeness.c.workspace_id == sa.bindparam("of_workspace"),
        likeness.c.band.in_([sa.bindparam(f"band_{place}") for place in range(BANDS)]),
        likeness.c.document_id < sa.bindparam("before"),
        document.c.deleted_at.is_(None),
    )
    .order_by(likeness.c.document_id)
    .limit(MOST_COMPARED)
)
