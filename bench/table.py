"""One table for all figures, with the machine and the versions that they were seen on."""

import os
import platform
import sqlite3
from dataclasses import dataclass, field
from importlib.metadata import version

PACKAGES = ("headrace", "uvicorn", "onnxruntime", "sqlalchemy", "dbos")


@dataclass
class Table:
    """Rows of what, seen, target."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, what: str, seen: str, target: str = "") -> None:
        """Add a row, and show it at once: a benchmark takes its time."""
        self.rows.append((what, seen, target))
        print(f"{what:62} {seen:34} {target}", flush=True)

    def __str__(self) -> str:
        """The table as Markdown."""
        lines = ["| what | seen | target |", "|---|---|---|"]
        return "\n".join([*lines, *(f"| {what} | {seen} | {target} |" for what, seen, target in self.rows)])


def machine() -> str:
    """Where and with what."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    load = os.getloadavg()[0]
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {packages}; load at the start {load:.1f}"
    )


def percentiles(seconds: list[float]) -> str:
    """`p50 / p99` in milliseconds."""
    ordered = sorted(seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms"
