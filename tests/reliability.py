"""Writes the table of docs/reliability.md from what the tests have shown: `python -m tests.reliability FIGURES`.

FIGURES is what a run with `HEADRACE_FIGURES=FIGURES` has written, one JSON object a line. The newest figure of each
promise and form replaces the one that was there; the others stay, for a run may be of a part.
"""

import json
import os
import platform
import re
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs/reliability.md"
KEPT = PROJECT / "docs/reliability.json"
BEGIN, END = "<!-- figures: written by python -m tests.reliability -->\n", "<!-- end of figures -->\n"

PROMISES = {
    "P1": "an accepted upload is never lost",
    "P2": "a job resumes, and pays for nothing twice",
    "P3": "one log, every transport",
    "P4": "exact resume",
    "P5": 'no ghost "processing"',
    "P6": "cancel wins",
    "P7": "exactly-once effect",
    "P8": "progress is monotone",
    "P9": "cleaning takes nothing that is alive",
    "P10": "backpressure",
    "P11": "a slow watcher hurts only itself",
    "P12": "graceful stop",
    "P13": "clock jumps are harmless",
    "P14": "tenants are apart",
    "S": "security: generated requests, payloads, authorisation cells",
    "everything dies": "on Postgres, all at once: servers, workers, database and brokers killed, watchers cut",
}

Figures = dict[str, dict[str, Any]]


def machine() -> str:
    """What the figures were seen on, in a few words that do not change from day to day."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def merged(kept: Figures, lines: Iterable[str]) -> Figures:
    """The figures that were kept, with those of a run in their places."""
    found = {name: dict(forms) for name, forms in kept.items()}
    for line in lines:
        one = json.loads(line)
        for promise in re.findall(r"P\d+|S(?=\b)", one["promise"].partition(",")[0]) or [one["promise"]]:
            name = f"{promise}{''.join(one['promise'].partition(',')[1:])}"
            forms = found.setdefault(name, {"test": one["test"]})
            forms["test"] = one["test"]
            forms[one["form"]] = {"figure": one["figure"], "seed": one["seed"], "machine": machine()}
    return found


def table(figures: Figures) -> str:
    """The block between the marks, for people."""
    lines = [BEGIN, "\n| promise | shown by | short form | soak |\n|---|---|---|---|\n"]
    for promise, meaning in PROMISES.items():
        mine = {name: forms for name, forms in sorted(figures.items()) if name.partition(",")[0] == promise}
        for number, (name, forms) in enumerate(mine.items()):
            what = name.partition(",")[2].strip()
            said = f"**{promise}** {meaning}" if number == 0 else promise
            said += f": {what}" if what else ""
            file = Path(forms["test"].partition("::")[0]).name
            lines.append(f"| {said} | `{file}` | {_cell(forms, 'short')} | {_cell(forms, 'soak')} |\n")
    machines = sorted({form["machine"] for forms in figures.values() for form in forms.values() if "machine" in form})
    lines += ["\n", *(f"Measured on: {one}.\n" for one in machines), "\n", END]
    return "".join(lines)


def _cell(forms: dict[str, Any], form: str) -> str:
    if form not in forms:
        return "-"
    figure = str(forms[form]["figure"]).replace("|", "/")
    return f"{figure} (seed {forms[form]['seed']})"


def write(figures: Figures) -> None:
    """Put the table into its page, and keep the figures beside it."""
    KEPT.write_text(json.dumps(figures, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(before + table(figures) + rest.partition(END)[2], encoding="utf-8")


def read() -> Figures:
    """The figures that are kept."""
    found: Figures = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.reliability FIGURES")
    write(merged(read(), Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()))
