"""How long a 202 takes, durable, while three jobs run; one text at a time; and ten thousand messages in one request."""

import os
import time

import httpx

from bench.server import finish, running
from bench.table import Table, percentiles

REQUESTS = 100
TEXTS = 40


def measure(table: Table) -> None:
    """Add the rows of accepting."""
    with running(embedder="none") as server, server.http() as http:
        busy = [{"content": _prose(60_000, seed), "filename": f"{seed}.txt"} for seed in range(200)]
        jobs = [http.post("/upload", json={"documents": busy}).json()["upload_id"] for _ in range(3)]
        payload = _prose(1_000_000, 0).encode()
        taken = []
        for _ in range(REQUESTS):
            started = time.perf_counter()
            http.post("/ingest", files={"file": ("one-megabyte.txt", payload)}).raise_for_status()
            taken.append(time.perf_counter() - started)
        table.add("accepting a 1 MB file, durable, three jobs running", percentiles(taken), "p50 < 15, p99 < 50 ms")
        for job in jobs:
            http.post(f"/jobs/{job}/cancel")
    with running(embedder="none") as server, server.http() as http:
        warm = http.post("/ingest/text/async", json={"text_content": "what the enrichers need is loaded once"})
        finish(http, warm.json()["job_id"])
        _one_by_one(table, http)
        messages = [{"text": _prose(300, number), "metadata": {"n": number}} for number in range(10_000)]
        before = server.memory_bytes()
        started = time.perf_counter()
        job_id = http.post("/ingest/batch", json={"messages": messages}).raise_for_status().json()["job_id"]
        accepted = time.perf_counter() - started
        finish(http, job_id)
        table.add("10,000 messages in one request: accepted", f"{accepted:.2f} s", "< 1 s")
        whole, grown = time.perf_counter() - started, (server.memory_bytes() - before) / 1e6
        table.add("10,000 messages in one request: searchable", f"{whole:.1f} s, memory +{grown:.0f} MB", "memory flat")


def _one_by_one(table: Table, http: httpx.Client) -> None:
    """Each text is sent when the one before can be searched: nothing else is to do."""
    taken = []
    for number in range(TEXTS):
        started = time.perf_counter()
        sent = http.post("/ingest/text/async", json={"text_content": _prose(1_000, number)})
        finish(http, sent.raise_for_status().json()["job_id"])
        taken.append(time.perf_counter() - started)
    table.add("a text of 1 kB on an idle server, from sending it to its job's end", percentiles(taken))


def _prose(size: int, seed: int) -> str:
    words = "river stone archive lantern market harbour engine garden letter valley winter copper bridge signal".split()
    line = " ".join(words[(seed + n) % len(words)] for n in range(12)) + f" number {seed}. "
    return (line * (size // len(line) + 1))[:size] + os.urandom(4).hex()
