"""Real folders through a real server: `python -m bench.folders PATH...` says what became of each file, by type.

Surprising is what no person could have expected of such a file: a time or memory limit met, a parser that crashed, an
answer that is an error of the server's own. Every file must end as searchable or with a plain reason.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from bench.server import running

FILES_AT_ONCE, BYTES_AT_ONCE = 100, 50_000_000
PLAIN = {"corrupt", "encrypted", "empty", "too_large", "unsupported_type"}
SHOWN = 40


def files_in(paths: Sequence[str]) -> Iterator[Path]:
    """Every file below the folders."""
    for name in paths:
        found = [Path(name)] if Path(name).is_file() else sorted(Path(name).rglob("*"))
        yield from (path for path in found if path.is_file() and not path.is_symlink())


def lots(files: Iterator[Path]) -> Iterator[list[Path]]:
    """The files in requests of a bearable size."""
    lot: list[Path] = []
    size = 0
    for path in files:
        if lot and (len(lot) == FILES_AT_ONCE or size + path.stat().st_size > BYTES_AT_ONCE):
            yield lot
            lot, size = [], 0
        lot.append(path)
        size += path.stat().st_size
    if lot:
        yield lot


def outcomes(http: httpx.Client, lot: Sequence[Path]) -> Iterator[tuple[Path, str, str]]:
    """What became of each file of a request, and why."""
    files = [("file", (path.name, path.read_bytes())) for path in lot]
    sent = http.post("/ingest", files=files)
    if sent.status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE:
        yield from ((path, "unsupported_type", sent.json()["detail"]) for path in lot)
        return
    if sent.status_code != httpx.codes.ACCEPTED:
        yield from ((path, f"answer {sent.status_code}", sent.text) for path in lot)
        return
    job = http.get(f"/jobs/{sent.json()['job_id']}").json()
    while job["status"] in {"pending", "running"}:
        job = http.get(f"/jobs/{job['job_id']}", params={"after": job["last_event_id"], "wait": 25}).json()
    items = http.get(f"/jobs/{sent.json()['job_id']}/documents", params={"limit": 1000}).json()["documents"]
    for path, item in zip(lot, items, strict=False):
        if item["status"] == "ready":
            yield path, "warned" if item["warnings"] else "searchable", "; ".join(item["warnings"])
        else:
            yield path, item["error_code"] or item["status"], item["error_message"] or ""


def main() -> None:
    """Print one row for each type of file, then what was surprising."""
    table: dict[str, Counter[str]] = {}
    surprising = []
    limits = {"max_unpacked_bytes": 1_000_000_000, "embedder": "none", "max_requests_per_second": 0}
    with running(**limits) as server, server.http() as http:
        for lot in lots(files_in(sys.argv[1:])):
            for path, outcome, reason in outcomes(http, lot):
                is_plain = outcome in PLAIN | {"searchable", "warned"} and (outcome == "searchable" or bool(reason))
                table.setdefault(path.suffix.lower() or "-", Counter())[outcome if is_plain else "surprising"] += 1
                if not is_plain:
                    surprising.append(f"{path.name}: {outcome}: {reason}")
    columns = ["searchable", "warned", *sorted(PLAIN), "surprising"]
    print("| type | files | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 2))
    for kind, counts in sorted(table.items(), key=lambda row: -row[1].total()):
        print(f"| `{kind}` | {counts.total()} | " + " | ".join(str(counts[column] or "") for column in columns) + " |")
    total = sum(table.values(), Counter())
    print(f"| all | {total.total()} | " + " | ".join(str(total[column] or "") for column in columns) + " |")
    print(*surprising[:SHOWN], sep="\n")


if __name__ == "__main__":
    main()
