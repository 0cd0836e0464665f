"""How well the right document is found, through the whole product, beside a plain reference over the same chunks.

The reference is what anyone would write first: Okapi BM25 over the chunks (k1 1.2, b 0.75, words in lower case without
stop words), the same model's vectors compared one by one, and both fused by reciprocal ranks.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import httpx
import numpy as np
import sqlalchemy as sa

from bench import corpora, server
from bench.corpora import Labelled
from bench.table import Table
from headrace.pipeline.embed import load_embedder
from headrace.search.words import STOP_WORDS
from headrace.store.database import Database
from headrace.store.schema import chunk
from tests import services

DEPTH = 10
CANDIDATES = 200
K1, B, FUSION = 1.2, 0.75, 60
AT_ONCE = 100

Ranker = Callable[[str], Sequence[str]]


def measure(table: Table) -> None:
    """Both corpora on both databases, each in a workspace of its own."""
    _measure(table, "SQLite", None)
    with services.postgres() as url:
        _measure(table, "Postgres", url)


def _measure(table: Table, where: str, url: str | None) -> None:
    settings: dict[str, object] = {} if url is None else {"database_url": url}
    with server.running(worker_niceness=0, **settings) as running, running.http() as http:
        for labelled in (corpora.manual(), corpora.news()):
            names = _ingest(http, labelled)
            reference = Reference(url or f"sqlite:///{running.folder / 'headrace.db'}", names)
            _compare(table, where, http, labelled, names, reference)


def _compare(
    table: Table, where: str, http: httpx.Client, labelled: Labelled, names: dict[str, str], reference: "Reference"
) -> None:
    size = f"{len(labelled.texts)} documents, {len(reference.texts)} chunks, {len(labelled.questions)} questions"
    table.add(f"{labelled.name}, on {where}", size)
    for mode, plain in (("keyword", reference.worded), ("vector", reference.nearest), ("hybrid", reference.fused)):
        ours = scores(labelled, lambda text, mode=mode: _ask(http, labelled.name, text, mode, names))
        theirs = scores(labelled, lambda text, plain=plain: reference.documents(plain(text)))
        told = "nDCG@10 {:.3f}, recall@10 {:.3f}"
        table.add(f"- {mode}", told.format(*ours), f"reference: {told.format(*theirs)}")


def scores(labelled: Labelled, rank: Ranker) -> tuple[float, float]:
    """Means of nDCG and recall over the first ten documents; each right one counts the same."""
    gains, found = [], []
    for question, right in labelled.questions.items():
        ranked = list(rank(question))[:DEPTH]
        gain = sum(1 / math.log2(place + 2) for place, name in enumerate(ranked) if name in right)
        best = sum(1 / math.log2(place + 2) for place in range(min(DEPTH, len(right))))
        gains.append(gain / best)
        found.append(len(right & set(ranked)) / min(DEPTH, len(right)))
    return float(np.mean(gains)), float(np.mean(found))


def _ingest(http: httpx.Client, labelled: Labelled) -> dict[str, str]:
    """The name of each document id."""
    texts = list(labelled.texts.items())
    for start in range(0, len(texts), AT_ONCE):
        messages = [{"text": text, "metadata": {"name": name}} for name, text in texts[start : start + AT_ONCE]]
        sent = http.post("/ingest/batch", json={"messages": messages, "collection_name": labelled.name})
        server.finish(http, sent.raise_for_status().json()["job_id"])
    names, cursor = {}, None
    while True:
        parameters = {"workspace": labelled.name, "limit": 500, **({"cursor": cursor} if cursor else {})}
        page = http.get("/documents", params=parameters).raise_for_status().json()
        names |= {one["document_id"]: one["metadata"]["name"] for one in page["documents"]}
        cursor = page["next_cursor"]
        if cursor is None:
            return names


def _ask(http: httpx.Client, workspace: str, text: str, mode: str, names: dict[str, str]) -> list[str]:
    asked = {"query": text, "workspace": workspace, "mode": mode, "top_k": 5 * DEPTH}
    hits = http.post("/query", json=asked).raise_for_status().json()["results"]
    return once(names[hit["document_id"]] for hit in hits)


def once(names: Iterable[str]) -> list[str]:
    """Each name where it comes first."""
    return list(dict.fromkeys(names))


class Reference:
    """Plain rankings of the very chunks and vectors that the product has made."""

    def __init__(self, url: str, names: dict[str, str]) -> None:
        database = Database(url)
        made = sa.select(chunk.c.document_id, chunk.c.text, chunk.c.vector).where(chunk.c.is_indexed)
        with database.read() as connection:
            rows = [row for row in connection.execute(made.order_by(chunk.c.chunk_id)) if row[0] in names]
        database.close()
        self.names = [names[row[0]] for row in rows]
        self.texts = [row[1] for row in rows]
        halves = np.frombuffer(b"".join(row[2] for row in rows), "<f2").reshape(len(rows), -1)
        self.vectors = halves.astype(np.float32)
        self.embedder = load_embedder("minilm")
        self._count()

    def worded(self, question: str) -> list[int]:
        """By BM25."""
        total: dict[int, float] = defaultdict(float)
        for word in set(_words(question)):
            rows = self.postings.get(word, {})
            rarity = math.log(1 + (len(self.texts) - len(rows) + 0.5) / (len(rows) + 0.5))
            for row, count in rows.items():
                total[row] += rarity * count * (K1 + 1) / (count + K1 * (1 - B + B * self.lengths[row] / self.mean))
        return sorted(total, key=lambda row: (-total[row], row))[:CANDIDATES]

    def nearest(self, question: str) -> list[int]:
        """By cosine."""
        order: list[int] = np.argsort(-(self.vectors @ self.embedder.embed_query(question)))[:CANDIDATES].tolist()
        return order

    def fused(self, question: str) -> list[int]:
        """By the sum of reciprocal ranks."""
        total: dict[int, float] = defaultdict(float)
        for ranking in (self.worded(question), self.nearest(question)):
            for rank, row in enumerate(ranking, 1):
                total[row] += 1 / (FUSION + rank)
        return sorted(total, key=lambda row: (-total[row], row))

    def documents(self, rows: Sequence[int]) -> list[str]:
        """Their documents, each where its best chunk is."""
        return once(self.names[row] for row in rows)

    def _count(self) -> None:
        self.postings: dict[str, dict[int, int]] = defaultdict(dict)
        self.lengths = []
        for row, text in enumerate(self.texts):
            words = _words(text)
            self.lengths.append(len(words))
            for word, count in Counter(words).items():
                self.postings[word][row] = count
        self.mean = sum(self.lengths) / max(1, len(self.lengths))


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in STOP_WORDS]
