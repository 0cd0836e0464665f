"""`headrace doctor`: what this machine offers, what is in force, and what is missing."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from headrace.cli.options import DEFAULT_URL, DatabaseUrl, DataDir, Url, connect, settings_from
from headrace.cli.terminal import REFUSED, is_terminal, print_json, say

if TYPE_CHECKING:
    from headrace.settings import Settings

_SIGNS = {"ok": "✅", "info": "💡", "bad": "❌"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One thing looked at. `state` is ok, info (works, but worth knowing) or bad (the product cannot work so)."""

    check: str
    state: str
    told: str


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(doctor)


def doctor(
    context: typer.Context, data_dir: DataDir = None, database_url: DatabaseUrl = None, url: Url = DEFAULT_URL
) -> None:
    """Say what this machine offers and what is missing; with --url, whether the way to that server is clear."""
    source = context.get_parameter_source("url")
    if source is not None and source.name == "COMMANDLINE":
        answers = _way(url)
    else:
        answers = _answers(settings_from(data_dir=data_dir, database_url=database_url), url)
    states = set()
    for answer in answers:
        states.add(answer.state)
        if is_terminal():
            say(f"{_SIGNS[answer.state]} {answer.check:<12} {answer.told}")
        else:
            print_json(asdict(answer))
    if "bad" in states:
        raise typer.Exit(REFUSED)


def _way(url: str) -> Iterator[Answer]:
    from headrace.cli.reach import findings

    connect(url).close()  # a URL or a token that can never be one is wrong use
    for name, state, told in findings(url):
        yield Answer(check=name, state=state, told=told)


def _answers(settings: "Settings", url: str) -> Iterator[Answer]:
    yield _versions()
    yield _sqlite()
    yield _sandbox()
    yield _embedder(settings)
    yield _data_dir(settings)
    yield _ocr(settings)
    yield from _plugins(settings)
    yield _server(url)
    yield from _in_force(settings)


def _versions() -> Answer:
    import platform
    from importlib.metadata import version

    told = f"headrace {version('headrace')}, Python {platform.python_version()}, {platform.platform()}"
    return Answer(check="versions", state="ok", told=told)


def _sqlite() -> Answer:
    import sqlite3

    with sqlite3.connect(":memory:") as connection:
        names = {row[0] for row in connection.execute("PRAGMA compile_options")}
    connection.close()
    has_search = "ENABLE_FTS5" in names
    told = f"{sqlite3.sqlite_version}, {'with' if has_search else 'without'} full-text search (FTS5)"
    return Answer(check="sqlite", state="ok" if has_search else "bad", told=told)


def _sandbox() -> Answer:
    from headrace.pipeline.sandbox import grade

    found = grade()
    return Answer(check="sandbox", state="ok" if found == "full" else "info", told=found)


def _embedder(settings: "Settings") -> Answer:
    from headrace.model.errors import DocumentError
    from headrace.pipeline.embed import DEFAULT, Embedders, Options

    try:
        embedder = Embedders(Options(**settings.embedders, threads=settings.embedder_threads)).get(DEFAULT)
        if not embedder.dimensions:
            return Answer(check="embedder", state="info", told="none: keyword search only")
        embedder.embed_query("ready")
    except (DocumentError, ValueError) as error:
        return Answer(check="embedder", state="bad", told=str(error))
    return Answer(check="embedder", state="ok", told=f"{embedder.name}, {embedder.dimensions} dimensions")


def _data_dir(settings: "Settings") -> Answer:
    import os
    import shutil

    folder = settings.data_dir
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Answer(check="data", state="bad", told=f"{folder} cannot be written")
    free = shutil.disk_usage(nearest).free
    is_enough = free >= settings.min_free_disk_bytes
    told = f"{folder}{'' if folder.exists() else ' (not made yet)'}, {free / 1e9:.1f} GB free"
    return Answer(check="data", state="ok" if is_enough else "bad", told=told)


def _ocr(settings: "Settings") -> Answer:
    from headrace.pipeline.sandbox import find_recognizer

    if not settings.ocr:
        return Answer(check="ocr", state="info", told="switched off: pages that are only pictures stay without text")
    try:
        found = find_recognizer(settings.ocr_languages)
    except ValueError as error:
        return Answer(check="ocr", state="bad", told=str(error))
    if found is None:
        told = "tesseract is not installed: pages that are only pictures stay without text"
        return Answer(check="ocr", state="info", told=f"{told}; get it with: apt-get install tesseract-ocr")
    return Answer(check="ocr", state="ok", told=f"{found.program}, reads {found.languages}")


def _plugins(settings: "Settings") -> Iterator[Answer]:
    """What other packages bring, and whether what is chosen is there."""
    from headrace.pipeline.extract.formats import load_formats
    from headrace.pipeline.plugins import Group, NoSuchPart, installed, load

    for group in Group:
        for name, entry in installed(group).items():
            try:
                load(group, name)
            except NoSuchPart as error:
                yield Answer(check="plug-in", state="bad", told=str(error))
            else:
                package = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
                yield Answer(check="plug-in", state="ok", told=f"{group} {name!r}{package}")
    try:
        load_formats(settings.extractors)
    except NoSuchPart as error:
        yield Answer(check="extractors", state="bad", told=str(error))


def _server(url: str) -> Answer:
    from headrace.cli.options import connect
    from headrace.model.errors import HeadraceError

    with connect(url) as client:
        try:
            client.ready()
        except HeadraceError as error:
            return Answer(check="server", state="info", told=error.detail)
    return Answer(check="server", state="ok", told=f"{url} is ready")


def _in_force(settings: "Settings") -> Iterator[Answer]:
    """The settings that differ from their defaults, secrets not shown; then what is named like one and is none."""
    from headrace.settings import unknown_variables

    fields = type(settings).model_fields
    for name, value in settings.model_dump().items():
        if value == fields[name].get_default(call_default_factory=True):
            continue
        shown = _hidden(str(value)) if fields[name].repr else "(set)"
        yield Answer(check="setting", state="ok", told=f"{name} = {shown}")
    yield from (Answer(check="setting", state="info", told=told) for told in unknown_variables(os.environ))


def _hidden(text: str) -> str:
    """A URL without its password."""
    import re

    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", text)
