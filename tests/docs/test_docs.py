"""The documents say what is: their commands, links, code, settings and drawings are checked against the product."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import takewhile
from pathlib import Path

from pydantic.fields import FieldInfo

from headrace.model import lifecycle
from headrace.model.errors import WrongState
from headrace.model.ids import JobId, UserId
from headrace.model.job import Job
from headrace.model.vocabulary import JobStatus, JobType
from headrace.settings import Settings

PROJECT = Path(__file__).parents[2]
README = PROJECT / "README.md"
GUIDES = [README, *sorted((PROJECT / "docs").rglob("*.md"))]
PAGES = [*GUIDES, PROJECT / "CONTRIBUTING.md", PROJECT / "CHANGELOG.md"]
SHELL = {"bash", "sh", "shell", "console"}
GROUPS = {"jobs", "token", "db"}
NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def test_make_targets_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = {
        match[1]
        for page in PAGES
        for line in shell_lines(page)
        if (match := re.match(r"make(?: -\S+)* ([a-z]+)", line))
    }

    assert named - targets == set()
    assert {"setup", "test"} <= named


def test_every_target_is_explained_by_make_help() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout

    assert phony is not None
    assert {line.split()[0] for line in shown.splitlines()} == set(phony[1].split())


def test_commands_and_options_in_the_documents_exist() -> None:
    unknown = [
        f"{page.name}: {' '.join(line)}" for page in GUIDES for line in headrace_commands(page) if not is_known(line)
    ]

    assert unknown == []


def test_python_in_the_documents_compiles() -> None:
    for page in PAGES:
        for language, code in blocks(page):
            if language == "python":
                compile(code, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_relative_links_lead_somewhere() -> None:
    links = [(page, link) for page in PAGES for link in relative_links(page)]

    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_the_settings_page_names_every_setting_with_its_default_and_nothing_else() -> None:
    page = (PROJECT / "docs/settings.md").read_text()
    told = dict(re.findall(r"^\| `(HEADRACE_\w+)` \| (\S+) \|", page, re.MULTILINE))

    assert told == {f"HEADRACE_{name.upper()}": default(field) for name, field in Settings.model_fields.items()}


def test_the_drawing_of_the_lifecycle_shows_the_moves_that_the_code_allows() -> None:
    assert drawn_moves(PROJECT / "docs/lifecycle.md") == set(allowed_moves())


def test_every_sample_is_listed_and_every_listed_sample_is_there() -> None:
    listed = set(re.findall(r"^\| `([\w.-]+)` \|", (PROJECT / "docs/samples.md").read_text(), re.MULTILINE))

    assert listed == {path.name for path in (PROJECT / "src/headrace/cli/samples").iterdir()}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def shell_lines(page: Path) -> Iterator[str]:
    """The commands in shell blocks, one at a time, without prompts, variables and continuation marks."""
    for language, code in blocks(page):
        if language in SHELL:
            for line in code.replace("\\\n", " ").splitlines():
                yield re.sub(r"^(\$ )?([A-Z_]+=\S+ )*", "", line.strip())


def headrace_commands(page: Path) -> Iterator[list[str]]:
    """The words after `headrace` in each command line, from shell blocks and from inline code."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for line in [*shell_lines(page), *re.findall(r"`([^`\n]+)`", prose)]:
        for command in re.split(r"[|;&#]+", line):
            words = command.split()
            if len(words) > 1 and Path(words[0]).name == "headrace":
                yield words[1:]


def is_known(words: list[str]) -> bool:
    """Whether the subcommand exists, and has the options that are named."""
    depth = 2 if words[0] in GROUPS and len(words) > 1 else 1
    subcommand = tuple(takewhile(lambda word: re.fullmatch(r"[a-z]+", word), words[:depth]))
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    shown = help_of(subcommand)
    return shown is not None and options <= set(re.findall(r"--[a-z][a-z-]*", shown))


@cache
def help_of(subcommand: tuple[str, ...]) -> str | None:
    """What `--help` prints; None when there is no such subcommand."""
    run = subprocess.run(
        [Path(sys.executable).with_name("headrace"), *subcommand, "--help"],
        env={**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return run.stdout if run.returncode == 0 else None


def relative_links(page: Path) -> list[str]:
    targets = re.findall(r"\]\(([^()\s#]+)(?:#[^()\s]*)?\)", page.read_text())
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def default(field: FieldInfo) -> str:
    """A default as docs/settings.md writes it."""
    if field.default_factory is not None:
        return "`$XDG_DATA_HOME/headrace`"
    if field.default in (None, ""):
        return "-"
    return f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"


def drawn_moves(page: Path) -> set[tuple[str, str, str]]:
    """(from, to, verb) of each arrow of the state diagram, but for those from and to the dot."""
    arrows = re.findall(r"^ +(\w+) --> (\w+): (.*)$", page.read_text(), re.MULTILINE)
    return {(start, end, verb.strip()) for start, end, label in arrows for verb in without_remark(label).split(",")}


def without_remark(label: str) -> str:
    return re.sub(r" \(.*\)", "", label)


def allowed_moves() -> Iterator[tuple[str, str, str]]:
    """Each move of the code, tried from every state, with one failed document of two and with two of two."""
    moves: dict[str, Callable[[Job], Job]] = {
        "start": lambda job: lifecycle.start(job, NOW),
        "finish": lambda job: lifecycle.finish(job, NOW),
        "fail": lambda job: lifecycle.fail(job, NOW, "no reason"),
        "cancel": lambda job: lifecycle.cancel(job, NOW),
        "pause": lifecycle.pause,
        "resume": lifecycle.resume,
        "retry": lambda job: lifecycle.retry(job, undone=0, added=1),
    }
    for status in JobStatus:
        for failed_items in (1, 2):
            for verb, move in moves.items():
                try:
                    moved = move(replace(job_of_two(), status=status, failed_items=failed_items))
                except WrongState:
                    continue
                yield status.value, moved.status.value, verb


def job_of_two() -> Job:
    return Job(
        job_id=JobId("0192d3a0-0000-7000-8000-000000000000"),
        user_id=UserId("local"),
        workspace_id=None,
        job_type=JobType.BATCH,
        created_at=NOW,
        total_items=2,
        processed_items=2,
        work_done=2,
        work_total=2,
    )
