"""How much of its stages' own speed a whole job reaches, with every promise kept; and what it costs in memory."""

import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import httpx

from bench.corpora import manual_folder
from bench.inprocess import Done, HashEmbedder, cpu_seconds, installation
from bench.server import finish, running
from bench.table import Table
from headrace.model.document import BlobRange, Chunk, Document, Section
from headrace.model.ids import LOCAL_USER, BlobKey, DocumentId, new_id
from headrace.pipeline.chunk import Chunker
from headrace.pipeline.embed import load_embedder
from headrace.pipeline.enrich import describe
from headrace.pipeline.sandbox import Limits, Parsers
from headrace.pipeline.source import Outline, Source
from headrace.search import index
from headrace.store import documents, migrations, workspaces
from headrace.store.database import Database
from tests.model_service import model_service

DOCUMENTS = 400
CHARACTERS = 12_000
PAGES = 300
MINILM_DOCUMENTS = 20
SERVICE_PAGES, SERVICE_SECONDS, SERVICE_REQUESTS = 200, 0.3, 4
ROUNDS = 3
MEMORY_SIZES = (1_000_000, 5_000_000, 20_000_000)
WORDS = (
    "river stone archive lantern market harbour engine garden letter valley winter copper bridge signal forest teacher "
    "ledger orchard compass mirror island thunder paper window station meadow violin pepper glacier captain marble"
).split()


def measure(table: Table) -> None:
    """Add the rows of ingesting."""
    _efficiency(table)
    _two_cores(table)
    _cost_of_events(table)
    _memory(table)
    _minilm(table)
    _service(table)


def _minilm(table: Table) -> None:
    """A job and a bare loop in turns, the best of each: the model takes both cores, which are not ours alone."""
    texts = [_text(number) for number in range(MINILM_DOCUMENTS)]
    bare, jobs = [], []
    for _ in range(ROUNDS):
        bare.append(_embed_seconds(texts))
        jobs.append(_job_seconds(texts, embedder="minilm"))
    (seconds, chunks), loop = min(jobs), min(bare)
    share = f"{loop / seconds:.2f} ({chunks / seconds:.1f} chunks/s, bare loop {chunks / loop:.1f})"
    table.add("a whole job with MiniLM over a bare loop on the same chunks", share, ">= 0.95")


def _service(table: Table) -> None:
    """How busy a job keeps a service whose every request takes a while, however few texts are in it."""
    files = sorted(manual_folder().glob("*.html"))[:SERVICE_PAGES]
    with model_service() as service:
        named = {"embedder_url": service.url, "embedder_model": "bench", "embedder_requests": SERVICE_REQUESTS}
        with running(embedder="openai", **named) as server, server.http() as http:
            _job_of(http, files[:1])
            service.seconds = SERVICE_SECONDS
            seconds = _job_of(http, files)
    told = f"{service.busy_seconds / seconds:.1f} ({seconds:.1f} s, {len(service.requests)} requests)"
    what = f"a job of {SERVICE_PAGES} pages with a service that takes {SERVICE_SECONDS} s a request: requests under way"
    table.add(f"{what}, of the {SERVICE_REQUESTS} that may be", told)


def _efficiency(table: Table) -> None:
    """In processor time of one thread, since that is what a busy machine leaves alone.

    Twice: with the stages that the target names, and as it comes, where documents are described as well.
    """
    texts = [_text(number) for number in range(DOCUMENTS)]
    sections = [[Section(text=text)] for text in texts]
    stages = {
        "chunking": _chunk_seconds(sections),
        "embedding": _hash_seconds(texts),
        "storing": _store_seconds(sections),
    }
    bare = _in_one_thread(texts, describes=False)
    described = stages | {"describing": _describe_seconds(texts)}
    told = ", ".join(f"{stage} {bare.chunks / seconds:.0f}" for stage, seconds in described.items())
    table.add("one thread, chunks a second of each stage alone", told)
    _compare(table, "a job with an event per document, describing nothing", bare, stages)
    _compare(table, "the same, described", _in_one_thread(texts), described)


def _compare(table: Table, what: str, done: Done, stages: dict[str, float]) -> None:
    slowest = max(stages, key=lambda stage: stages[stage])
    told = f"{stages[slowest] / done.cpu_seconds:.2f} ({done.chunks / done.cpu_seconds:.0f} chunks/s, {slowest})"
    table.add(f"{what}: over its slowest stage alone", told, ">= 0.80")
    told = f"{sum(stages.values()) / done.cpu_seconds:.2f}"
    table.add(f"{what}: over its stages one after the other, all that one core can do", told)


def _two_cores(table: Table) -> None:
    """A job of HTML on a server and its worker, with extraction in caged parsers, by the clock: on a calm machine.

    The limit is the processor time of all stages alone, over two: two cores that do nothing else, and never wait.
    """
    files = sorted(manual_folder().glob("*.html"))[:PAGES]
    with Parsers(Limits()) as parsers:
        pages = [
            Source(path=file, size=file.stat().st_size, content_type="text/html", filename=file.name, sender="bench")
            for file in files
        ]
        _sections(parsers, pages[0])
        began = cpu_seconds()
        read = [_sections(parsers, page) for page in pages]
        extracting = cpu_seconds() - began
    texts = ["\n".join(section.text for section in sections) for sections in read]
    stages = extracting + _chunk_seconds(read) + _describe_seconds(texts) + _store_seconds(read)
    with running(embedder="none") as server, server.http() as http:
        _job_of(http, files[:1])
        seconds = _job_of(http, files)
    told = (
        f"{stages / 2 / seconds:.2f} ({len(files) / seconds:.0f} pages/s; the stages alone {len(files) / stages:.0f})"
    )
    table.add("a job of HTML with extraction, on two cores, over what two cores can do", told, ">= 0.80")


def _job_of(http: httpx.Client, files: Sequence[Path]) -> float:
    """Seconds of one job on these files, as it says itself."""
    sent = [("files", (file.name, file.read_bytes())) for file in files]
    view = finish(http, http.post("/upload", files=sent).raise_for_status().json()["upload_id"])
    return _seconds_between(str(view["started_at"]), str(view["completed_at"]))


def _sections(parsers: Parsers, page: Source) -> list[Section]:
    with parsers.open(page) as reading:
        return list(reading)


def _in_one_thread(texts: list[str], *, describes: bool = True, **settings: object) -> Done:
    with installation(HashEmbedder(), describes=describes, **settings) as bench:
        bench.run([("warm.txt", texts[0].encode())])
        return bench.run([(f"{number}.txt", text.encode()) for number, text in enumerate(texts)])


def _cost_of_events(table: Table) -> None:
    """Progress every 50 ms against progress never, alternating; the events of stages and documents stay."""
    texts = [_text(number) for number in range(DOCUMENTS // 4)]
    told: dict[float, list[Done]] = {0.05: [], 3600.0: []}
    for _ in range(ROUNDS):
        for interval, runs in told.items():
            runs.append(_in_one_thread(texts, progress_interval_seconds=interval))
    on, off = (min(run.cpu_seconds for run in runs) for runs in told.values())
    events = [runs[0].events for runs in told.values()]
    table.add("cost of progress events", f"{on / off - 1:+.1%} ({events[0]} events against {events[1]})", "<= 5 %")


def _memory(table: Table) -> None:
    """The most that server and worker together grow by, while one text of a size is ingested."""
    with running(embedder="none") as server, server.http() as http:
        finish(http, http.post("/ingest/text/async", json={"text_content": "warm up the worker"}).json()["job_id"])
        grown = []
        for size in MEMORY_SIZES:
            text = " ".join(_text(number) for number in range(size // CHARACTERS)).encode()
            before = most = server.memory_bytes()
            files = {"file": (f"{size}.txt", text)}
            job_id = http.post("/ingest", files=files).raise_for_status().json()["job_id"]
            while http.get(f"/jobs/{job_id}").json()["status"] not in {"completed", "failed"}:
                most = max(most, server.memory_bytes())
                time.sleep(0.2)
            grown.append(f"{size / 1e6:g} MB +{(most - before) / 1e6:.0f} MB")
        table.add("memory while one text of a size is ingested", ", ".join(grown), "flat")


def _text(seed: int) -> str:
    picked, state = [], seed * 2654435761 + 1
    while len(picked) * 7 < CHARACTERS:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        picked.append(WORDS[state >> 40 & 31 if state >> 40 & 31 < len(WORDS) else 0])
        if len(picked) % 12 == 0:
            picked[-1] += "."
    return f"Document {seed}. " + " ".join(picked)


def _chunk_seconds(documents: list[list[Section]]) -> float:
    chunker = Chunker()
    _chunks(chunker, documents[0])
    started = time.process_time()
    for sections in documents:
        _chunks(chunker, sections)
    return time.process_time() - started


def _chunks(chunker: Chunker, sections: list[Section]) -> list[Chunk]:
    found: list[Chunk] = []
    for section in sections:
        found += chunker.chunk(section, len(found))
    return found


def _describe_seconds(texts: list[str]) -> float:
    describe([texts[0]], filename="warm.txt", outline=Outline())
    started = time.process_time()
    for number, text in enumerate(texts):
        describe([text], filename=f"{number}.txt", outline=Outline())
    return time.process_time() - started


def _hash_seconds(texts: list[str]) -> float:
    chunks = [chunk.text for text in texts for chunk in Chunker().chunk(Section(text=text), 0)]
    started = time.process_time()
    for _ in HashEmbedder().batches(chunks):
        pass
    return time.process_time() - started


def _store_seconds(read: list[list[Section]]) -> float:
    """Chunks and their keywords into SQLite, in large transactions, without anything else."""
    chunker = Chunker()
    cut = [_chunks(chunker, sections) for sections in read]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrations.upgrade(database)
        with database.write() as transaction:
            workspace = workspaces.make(transaction, LOCAL_USER, "bench", {})
            ids = [DocumentId(new_id()) for _ in read]
            documents.add(transaction, [_document(one, workspace.workspace_id, transaction.now) for one in ids])
        started = time.process_time()
        for start in range(0, len(cut), 50):
            with database.write() as transaction:
                for document_id, chunks in zip(ids[start : start + 50], cut[start : start + 50], strict=True):
                    place = {"document_id": document_id, "version": 1}
                    index.save_chunks(transaction, **place, workspace_id=workspace.workspace_id, chunks=chunks)
                    saved = index.unindexed(transaction.connection, **place, limit=10_000)
                    rows = [index.IndexedChunk(chunk_id=one.chunk_id, text=one.text, vector=None) for one in saved]
                    index.index_chunks(transaction, rows)
        seconds = time.process_time() - started
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
    """From the first event at which work began to the end, as the job itself says.

    The model has embedded texts of that length before, as that of the bare loop has: the first few cost their memory.
    """
    with running(embedder=embedder) as server, server.http() as http:
        warm = " ".join(map(_text, range(MINILM_DOCUMENTS, MINILM_DOCUMENTS + 5)))
        finish(http, http.post("/ingest/text/async", json={"text_content": warm}).json()["job_id"])
        body = {"documents": [{"content": text, "filename": f"{n}.txt"} for n, text in enumerate(texts)]}
        view = finish(http, http.post("/upload", json=body).json()["upload_id"])
        return _seconds_between(str(view["started_at"]), str(view["completed_at"])), int(str(view["chunks_created"]))


def _seconds_between(first: str, last: str) -> float:
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
