"""A small library to search in: documents whose versions are built, swapped and dropped as a worker does."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from headrace.model.document import BlobRange, Chunk, Document, Workspace
from headrace.model.ids import LOCAL_USER, BlobKey, DocumentId, UserId, WorkspaceId, new_id
from headrace.model.vocabulary import WorkspaceStatus
from headrace.search import index
from headrace.search.query import Query, Searcher, SearchMode
from headrace.store import documents, rows, workspaces
from headrace.store.database import Database, Transaction
from headrace.store.schema import document, workspace

Vector = Sequence[float]


def halves(vector: Vector) -> bytes:
    return np.asarray(vector, "<f2").tobytes()


def make_workspace(transaction: Transaction, name: str, user: UserId = LOCAL_USER) -> Workspace:
    """The user's workspace of that name, made if there is none."""
    row = transaction.execute(sa.select(workspace).filter_by(user_id=user, name=name)).mappings().one_or_none()
    if row is not None:
        return rows.to_workspace(row)
    made = Workspace(
        workspace_id=WorkspaceId(new_id()),
        user_id=user,
        name=name,
        status=WorkspaceStatus.READY,
        created_at=transaction.now,
    )
    values = {column.name: getattr(made, column.name) for column in workspace.c if hasattr(made, column.name)}
    transaction.execute(sa.insert(workspace).values(values))
    return made


class Library:
    """Writes as workers do, and asks as a server does."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.searcher = Searcher(database)

    def workspace(self, name: str = "default", user: UserId = LOCAL_USER) -> Workspace:
        """The user's workspace of that name, made on first use."""
        with self.database.write() as transaction:
            return make_workspace(transaction, name, user)

    def add(
        self,
        *texts: str,
        vectors: Sequence[Vector | None] | None = None,
        metadata: Mapping[str, Any] | None = None,
        workspace: Workspace | None = None,
    ) -> DocumentId:
        """A new document, live in version 1."""
        made = self.document(workspace or self.workspace(), metadata or {})
        self.build(made, 1, *texts, vectors=vectors)
        self.go_live(made, 1)
        return made

    def document(self, workspace: Workspace, metadata: Mapping[str, Any]) -> DocumentId:
        with self.database.write() as transaction:
            made = Document(
                document_id=DocumentId(new_id()),
                user_id=workspace.user_id,
                workspace_id=workspace.workspace_id,
                filename="notes.txt",
                content_type="text/plain",
                blob=BlobRange(key=BlobKey(new_id()), size=1),
                sha256="0" * 64,
                metadata=metadata,
                created_at=transaction.now,
                updated_at=transaction.now,
            )
            documents.add(transaction, [made])
        return made.document_id

    def save(self, document_id: DocumentId, version: int, *texts: str) -> None:
        chunks = [Chunk(ordinal=i, text=text, start=i * 100, end=i * 100 + 50) for i, text in enumerate(texts)]
        with self.database.write() as transaction:
            index.save_chunks(
                transaction,
                document_id=document_id,
                version=version,
                workspace_id=self._workspace_of(document_id),
                chunks=chunks,
            )

    def build(
        self,
        document_id: DocumentId,
        version: int,
        *texts: str,
        vectors: Sequence[Vector | None] | None = None,
    ) -> None:
        """Save and index a version, not live yet."""
        self.save(document_id, version, *texts)
        with self.database.write() as transaction:
            found = index.unindexed(transaction.connection, document_id=document_id, version=version, limit=len(texts))
            given = vectors if vectors is not None else [None] * len(texts)
            index.index_chunks(
                transaction,
                [
                    index.IndexedChunk(
                        chunk_id=one.chunk_id, text=one.text, vector=None if vector is None else halves(vector)
                    )
                    for one, vector in zip(found, given, strict=True)
                ],
            )

    def go_live(self, document_id: DocumentId, version: int) -> None:
        with self.database.write() as transaction:
            here = sa.update(document).where(document.c.document_id == document_id)
            transaction.execute(here.values(live_version=version))
            workspaces.touch_index(transaction, self._workspace_of(document_id))

    def drop(self, document_id: DocumentId, version: int, limit: int | None = None) -> int:
        with self.database.write() as transaction:
            return index.drop_version(transaction, document_id=document_id, version=version, limit=limit)

    def delete(self, document_id: DocumentId) -> None:
        with self.database.write() as transaction:
            index.drop_document(transaction, document_id)
            transaction.execute(sa.delete(document).where(document.c.document_id == document_id))

    def texts(self, text: str = "", **query: Any) -> list[str]:
        """The texts of the hits, best first."""
        values: dict[str, Any] = {"user_id": LOCAL_USER, "text": text} | query
        return [hit.text for hit in self.searcher.query(Query(**values))]

    def pages(self, text: str, size: int, **query: Any) -> list[str]:
        """The ids of all hits, page after page."""
        found: list[str] = []
        while True:
            asked = Query(user_id=LOCAL_USER, text=text, top_k=size, offset=len(found), **query)
            hits, has_more = self.searcher.page(asked)
            found += [hit.chunk_id for hit in hits]
            if not has_more:
                return found

    def near(self, *vector: float, **query: Any) -> list[str]:
        """The texts of the nearest chunks."""
        return self.texts(vector=halves(vector), mode=SearchMode.VECTOR, **query)

    def counts(self) -> tuple[int, int]:
        """Rows of chunks and of keywords; fails when the keyword index does not agree with the indexed chunks."""
        words = "chunk_fts_docsize" if self.database.is_sqlite else "chunk_fts"
        key = "id" if self.database.is_sqlite else "chunk_id"
        with self.database.write() as transaction:
            run = transaction.connection.exec_driver_sql
            chunks = run("SELECT chunk_id, is_indexed FROM chunk ORDER BY chunk_id").all()
            found = run(f"SELECT {key} FROM {words} ORDER BY {key}").scalars().all()
            if transaction.is_sqlite:
                # 1 compares with the texts of all chunks, also of those that wait to be indexed.
                rank = int(len(chunks) == len(found))
                run(f"INSERT INTO chunk_fts(chunk_fts, rank) VALUES ('integrity-check', {rank})")
        assert found == [chunk_id for chunk_id, is_indexed in chunks if is_indexed]
        return len(chunks), len(found)

    def _workspace_of(self, document_id: DocumentId) -> WorkspaceId:
        with self.database.read() as connection:
            return documents.get_many(connection, [document_id])[document_id].workspace_id
