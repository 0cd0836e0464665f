"""How long a query takes on SQLite: 50,000 chunks of generated text and random unit vectors.

Run: python bench/query.py [chunks]
"""

import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from headrace.model.document import BlobRange, Chunk, Document, Workspace
from headrace.model.ids import LOCAL_USER, BlobKey, DocumentId, WorkspaceId, new_id
from headrace.model.vocabulary import WorkspaceStatus
from headrace.search import index
from headrace.search.query import Query, Searcher, SearchMode
from headrace.store import documents, migrations, schema, workspaces
from headrace.store.database import Database

DIMENSIONS = 384
WORDS_A_CHUNK = 150
CHUNKS_A_DOCUMENT = 50
VOCABULARY = 30_000
FREQUENT = 100
"""Words that are in a fifth of all texts or more: in a language, those that questions leave out."""
QUERIES = 60


class Texts:
    """Texts whose words are as unevenly common as a language's: the n-th has a share of 1 / (n + 10)."""

    def __init__(self) -> None:
        self.random = random.Random(7)
        self.words = [self._word() for _ in range(VOCABULARY)]
        self.weights = [1 / (rank + 10) for rank in range(VOCABULARY)]

    def _word(self) -> str:
        return "".join(self.random.choices("abcdefghijklmnoprstuvwy", k=self.random.randint(3, 9)))

    def chunk(self) -> str:
        return " ".join(self.random.choices(self.words, self.weights, k=WORDS_A_CHUNK))

    def question(self, count: int, first: int) -> str:
        return " ".join(self.random.choices(self.words[first:], self.weights[first:], k=count))


def build(database: Database, texts: Texts, count: int) -> tuple[Workspace, float, float]:
    """Fill a workspace; returns the chunks a second saved and indexed."""
    workspace = make_workspace(database)
    rng = np.random.default_rng(7)
    saving = indexing = 0.0
    for _ in range(count // CHUNKS_A_DOCUMENT):
        chunks = [Chunk(ordinal=i, text=texts.chunk(), start=i, end=i + 1) for i in range(CHUNKS_A_DOCUMENT)]
        started = time.perf_counter()
        document_id = save(database, workspace, chunks)
        saved = time.perf_counter()
        give_vectors(database, workspace, document_id, rng.normal(size=(CHUNKS_A_DOCUMENT, DIMENSIONS)))
        saving += saved - started
        indexing += time.perf_counter() - saved
    return workspace, count / saving, count / indexing


def make_workspace(database: Database) -> Workspace:
    with database.write() as transaction:
        made = Workspace(
            workspace_id=WorkspaceId(new_id()),
            user_id=LOCAL_USER,
            name="bench",
            status=WorkspaceStatus.READY,
            created_at=transaction.now,
        )
        columns = {column.name for column in schema.workspace.c}
        values = {name: getattr(made, name) for name in columns & {field.name for field in fields(made)}}
        transaction.execute(sa.insert(schema.workspace).values(values))
    return made


def save(database: Database, workspace: Workspace, chunks: Sequence[Chunk]) -> DocumentId:
    with database.write() as transaction:
        one = Document(
            document_id=DocumentId(new_id()),
            user_id=LOCAL_USER,
            workspace_id=workspace.workspace_id,
            filename="text",
            content_type="text/plain",
            blob=BlobRange(key=BlobKey(new_id()), size=1),
            sha256="",
            created_at=transaction.now,
            updated_at=transaction.now,
        )
        documents.add(transaction, [one])
        named = {"document_id": one.document_id, "version": 1, "workspace_id": workspace.workspace_id}
        index.save_chunks(transaction, **named, chunks=chunks)
    return one.document_id


def give_vectors(database: Database, workspace: Workspace, document_id: DocumentId, vectors: np.ndarray) -> None:
    with database.write() as transaction:
        rows = index.unindexed(transaction.connection, document_id=document_id, version=1, limit=len(vectors))
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        index.index_chunks(
            transaction,
            [
                index.IndexedChunk(chunk_id=row.chunk_id, text=row.text, vector=vector.astype("<f2").tobytes())
                for row, vector in zip(rows, units, strict=True)
            ],
        )
        here = sa.update(schema.document).where(schema.document.c.document_id == document_id)
        transaction.execute(here.values(live_version=1))
        workspaces.touch_index(transaction, workspace.workspace_id)


def measure(searcher: Searcher, questions: Callable[[], str], mode: SearchMode) -> list[float]:
    """Milliseconds of each query, sorted."""
    random_vectors = np.random.default_rng(8).normal(size=(QUERIES, DIMENSIONS))
    taken = []
    for vector in random_vectors:
        query = Query(user_id=LOCAL_USER, text=questions(), vector=vector, mode=mode)
        started = time.perf_counter()
        searcher.query(query)
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken)


def main() -> None:
    """Print one table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    texts = Texts()
    questions: dict[str, Callable[[], str]] = {
        "3 words": lambda: texts.question(3, FREQUENT),
        "5 words": lambda: texts.question(5, FREQUENT),
        "5, common too": lambda: texts.question(5, 0),
    }
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder)}/bench.db")
        migrations.upgrade(database)
        _, saved, indexed = build(database, texts, count)
        searcher = Searcher(database)
        started = time.perf_counter()
        searcher.query(Query(user_id=LOCAL_USER, text="", vector=np.ones(DIMENSIONS), mode=SearchMode.VECTOR))
        first = time.perf_counter() - started
        print(f"{count:,} chunks, {DIMENSIONS} dimensions; {machine()}")
        print(f"saved {saved:,.0f}/s, indexed {indexed:,.0f}/s; first vector query {first * 1000:.0f} ms")
        print(f"bare product of the same matrix with a vector, p50: {bare_product(count):.1f} ms\n")
        print(f"{'mode':8}  {'question':14} {'p50 ms':>7} {'p95 ms':>7}")
        for mode in SearchMode:
            for name, question in questions.items():
                taken = measure(searcher, question, mode)
                print(f"{mode:8}  {name:14} {statistics.median(taken):7.1f} {taken[int(len(taken) * 0.95)]:7.1f}")
        database.close()


def bare_product(count: int) -> float:
    """What a vector query cannot be faster than, and a measure of how busy the machine is: p50 in milliseconds."""
    matrix = np.random.default_rng(9).normal(size=(count, DIMENSIONS)).astype(np.float32)
    taken = []
    for row in matrix[:QUERIES]:
        started = time.perf_counter()
        matrix @ row
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def machine() -> str:
    python, sqlite = platform.python_version(), sqlite3.sqlite_version
    return f"{platform.machine()}, Python {python}, SQLite {sqlite}, numpy {np.__version__}"


if __name__ == "__main__":
    main()
