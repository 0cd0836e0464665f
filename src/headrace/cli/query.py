"""`headrace query`: the passages that answer a question."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import typer

from headrace.cli.options import DEFAULT_URL, Url, connect, usage
from headrace.cli.terminal import is_terminal, print_json, say

MODES = ("hybrid", "vector", "keyword")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by can did do does for from had has have how i in is it its me my of on or our than "
        "that the their them then there these this those to was we were what when where which who whom why will with "
        "you your",
    )
)
"""Words that say nothing about what is asked for, and are not lit up."""

TopK = Annotated[int | None, typer.Option("--top-k", "-k", min=1, help="How many passages.")]
Mode = Annotated[str | None, typer.Option(help="hybrid, vector or keyword.")]
Workspace = Annotated[str | None, typer.Option("--workspace", "-w", metavar="NAME", help="Only there.")]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(query)


def query(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A question, or some words.")],
    top_k: TopK = None,
    mode: Mode = None,
    workspace: Workspace = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Search everything that was ingested."""
    if mode is not None and mode not in MODES:
        raise usage(f"--mode must be one of {', '.join(MODES)}, got {mode!r}")
    chosen = cast("Literal['hybrid', 'vector', 'keyword'] | None", mode)
    with connect(url) as client:
        answer = client.query(text, top_k=top_k, mode=chosen, workspace=workspace)
    if not is_terminal():
        for result in answer["results"]:
            print_json(result)
        return
    for place, result in enumerate(answer["results"], 1):
        print_passage(place, result, text)
    say(f"{len(answer['results'])} passages in {answer['took_ms']:.0f} ms" if answer["results"] else "nothing found")


def print_passage(place: int, result: Mapping[str, Any], question: str) -> None:
    """One passage, with its file, page and score, and the words of the question in bold."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    head = Text(f"{place}. ", style="dim")
    head.append(str(result["filename"]), style="bold cyan")
    page = page_of(result)
    head.append(f"{f' · page {page}' if page else ''} · {result['score']:.3f}", style="dim")
    body = Text(" ".join(result["text"].split()))
    words = asked_words(question)
    if words:
        body.highlight_regex(rf"(?i)\b(?:{'|'.join(map(re.escape, words))})\w*", style="bold yellow")
    console = Console()
    console.print(head)
    console.print(Padding(body, (0, 0, 1, 3)))


def page_of(result: Mapping[str, Any]) -> int | None:
    """The page a passage is on, where its format has pages."""
    page = result.get("page") or (result.get("metadata") or {}).get("page")
    return page if isinstance(page, int) else None


def asked_words(question: str) -> list[str]:
    """The beginnings of the words that carry a question, so that `sleeping` lights up for `sleeps`."""
    words = [word for word in re.findall(r"\w+", question.lower()) if word not in _COMMON]
    return list(dict.fromkeys(re.sub(r"(?<=\w{3})(?:ing|ed|es|s)$", "", word) for word in words))
