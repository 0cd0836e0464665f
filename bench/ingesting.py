"""How much of the slowest stage's own speed a whole job reaches, with every promise kept."""

import tempfile
import time
from datetime import datetime
from pathlib import Path

from bench.server import finish, running
from bench.table import Table
from headrace.model.document import BlobRange, Document, Section
from headrace.model.ids import LOCAL_USER, BlobKey, DocumentId, new_id
from headrace.pipeline.chunk import Chunker
from headrace.pipeline.embed import load_embedder
from headrace.search import index
from headrace.store import documents, migrations, workspaces
from headrace.store.database import Database

DOCUMENTS = 400
CHARACTERS = 12_000
MINILM_DOCUMENTS = 20
WORDS = (
    "river stone archive lantern market harbour engine garden letter valley winter copper bridge signal forest teacher "
    "ledger orchard compass mirror island thunder paper window station meadow violin pepper glacier captain marble"
).split()


def measure(table: Table) -> None:
    """Add the rows of ingesting."""
    texts = [_text(number) for number in range(DOCUMENTS)]
    stages = {"chunking": _chunk_seconds(texts), "storing": _store_seconds(texts)}
    slowest = max(stages, key=lambda stage: stages[stage])
    seconds, chunks = _job_seconds(texts, embedder="none")
    alone = stages[slowest]
    share = f"{alone / seconds:.2f} ({chunks / seconds:.0f} chunks/s, {slowest} alone {chunks / alone:.0f})"
    table.add("chunk + store with events, over its slowest stage alone", share, ">= 0.80")
    few = texts[:MINILM_DOCUMENTS]
    bare = _embed_seconds(few)
    seconds, chunks = _job_seconds(few, embedder="minilm")
    share = f"{bare / seconds:.2f} ({chunks / seconds:.1f} chunks/s, bare loop {chunks / bare:.1f})"
    table.add("a whole job with MiniLM over a bare loop on the same chunks", share, ">= 0.95")


def _text(seed: int) -> str:
    picked, state = [], seed * 2654435761 + 1
    while len(picked) * 7 < CHARACTERS:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        picked.append(WORDS[state >> 40 & 31 if state >> 40 & 31 < len(WORDS) else 0])
        if len(picked) % 12 == 0:
            picked[-1] += "."
    return f"Document {seed}. " + " ".join(picked)


def _chunk_seconds(texts: list[str]) -> float:
    chunker = Chunker()
    started = time.perf_counter()
    for text in texts:
        chunker.chunk(Section(text=text), 0)
    return time.perf_counter() - started


def _store_seconds(texts: list[str]) -> float:
    """Chunks and their keywords into SQLite, in large transactions, without anything else."""
    chunker = Chunker()
    cut = [chunker.chunk(Section(text=text), 0) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrations.upgrade(database)
        with database.write() as transaction:
            workspace = workspaces.make(transaction, LOCAL_USER, "bench", {})
            ids = [DocumentId(new_id()) for _ in texts]
            documents.add(transaction, [_document(one, workspace.workspace_id, transaction.now) for one in ids])
        started = time.perf_counter()
        for start in range(0, len(cut), 50):
            with database.write() as transaction:
                for document_id, chunks in zip(ids[start : start + 50], cut[start : start + 50], strict=True):
                    place = {"document_id": document_id, "version": 1}
                    index.save_chunks(transaction, **place, workspace_id=workspace.workspace_id, chunks=chunks)
                    saved = index.unindexed(transaction.connection, **place, limit=10_000)
                    rows = [index.IndexedChunk(chunk_id=one.chunk_id, text=one.text, vector=None) for one in saved]
                    index.index_chunks(transaction, rows)
        seconds = time.perf_counter() - started
        database.close()
        return seconds


def _document(document_id, workspace_id, now) -> Document:
    blob = BlobRange(key=BlobKey("none"), size=1)
    return Document(
        document_id=document_id, user_id=LOCAL_USER, workspace_id=workspace_id, filename="bench.txt",
        content_type="text/plain", blob=blob, sha256="", created_at=now, updated_at=now,
    )  # fmt: skip


def _embed_seconds(texts: list[str]) -> float:
    chunker, embedder = Chunker(), load_embedder("minilm")
    chunks = [chunk.text for text in texts for chunk in chunker.chunk(Section(text=text), 0)]
    embedder.embed_query("load the model first")
    started = time.perf_counter()
    for _ in embedder.batches(chunks):
        pass
    return time.perf_counter() - started


def _job_seconds(texts: list[str], *, embedder: str) -> tuple[float, int]:
    """From the first event at which work began to the end, as the job itself says; the model is loaded before."""
    with running(embedder=embedder) as server, server.http() as http:
        finish(http, http.post("/ingest/text/async", json={"text_content": "warm up the worker"}).json()["job_id"])
        body = {"documents": [{"content": text, "filename": f"{n}.txt"} for n, text in enumerate(texts)]}
        view = finish(http, http.post("/upload", json=body).json()["upload_id"])
        return _seconds_between(str(view["started_at"]), str(view["completed_at"])), int(str(view["chunks_created"]))


def _seconds_between(first: str, last: str) -> float:
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
