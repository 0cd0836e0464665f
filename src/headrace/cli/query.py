"""`headrace query`: the passages that answer a question."""

import json
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

TopK = Annotated[int | None, typer.Option("--top-k", "-k", "--limit", min=1, help="How many passages.")]
Mode = Annotated[str | None, typer.Option(help="hybrid, vector or keyword.")]
Workspace = Annotated[str | None, typer.Option("--workspace", "-w", metavar="NAME", help="Only there.")]
Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter", "-f", metavar="NAME=VALUE", help="Only documents whose metadata have it; also NAME>=VALUE and <=."
    ),
]
Since = Annotated[str | None, typer.Option(metavar="DATE", help="Only documents that came in then or later.")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Only documents that came in then or before.")]
Dated = Annotated[
    str | None, typer.Option(metavar="FROM..TO", help="Only documents with a date in their text between these.")
]
Cursor = Annotated[str | None, typer.Option(metavar="CURSOR", help="The next page, as the last one named it.")]
Around = Annotated[int, typer.Option("--around", "-a", min=0, max=20, help="So many passages before and after each.")]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(query)


def query(  # noqa: PLR0913  (each is an option of the command)
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A question, or some words.")],
    top_k: TopK = None,
    mode: Mode = None,
    workspace: Workspace = None,
    having: Filter = None,
    since: Since = None,
    until: Until = None,
    dated: Dated = None,
    cursor: Cursor = None,
    around: Around = 0,
    url: Url = DEFAULT_URL,
) -> None:
    """Search everything that was ingested."""
    narrowed = narrowing(having or [], since, until, dated) | ({"cursor": cursor} if cursor else {})
    if mode is not None and mode not in MODES:
        raise usage(f"--mode must be one of {', '.join(MODES)}, got {mode!r}")
    chosen = cast("Literal['hybrid', 'vector', 'keyword'] | None", mode)
    with connect(url) as client:
        answer = client.query(text, top_k=top_k, mode=chosen, workspace=workspace, **narrowed)
        if around:
            for result in answer["results"]:
                found = client.neighbours(result["chunk_id"], before=around, after=around)["chunks"]
                result["text"] = "\n\n".join(one["text"] for one in found)
    if not is_terminal():
        for result in answer["results"]:
            print_json(result)
        return
    for place, result in enumerate(answer["results"], 1):
        print_passage(place, result, text)
    say(f"{len(answer['results'])} passages in {answer['took_ms']:.0f} ms" if answer["results"] else "nothing found")
    if answer.get("next_cursor"):
        say(f"more: --cursor {answer['next_cursor']}")


def narrowing(having: list[str], since: str | None, until: str | None, dated: str | None) -> dict[str, Any]:
    """What the options say, as the API has it."""
    said: dict[str, Any] = {}
    if having:
        said["filters"] = {}
    for one in having:
        name, sign, value = named_value(one)
        if sign == "=":
            said["filters"][name] = value
        else:
            said["filters"].setdefault(name, {})["gte" if sign == ">=" else "lte"] = value
    span = {"from": since, "to": until}
    if since or until:
        said["created_at"] = {name: value for name, value in span.items() if value}
    if dated is not None:
        first, _, last = dated.partition("..")
        said["dated"] = {name: value for name, value in {"from": first, "to": last or first}.items() if value}
    return said


def named_value(text: str) -> tuple[str, str, Any]:
    """`NAME=VALUE` taken apart; a value that is JSON, as a number is, counts as that."""
    found = re.fullmatch(r"(.+?)(>=|<=|=)(.*)", text, re.DOTALL)
    if found is None:
        raise usage(f"--filter must be NAME=VALUE, NAME>=VALUE or NAME<=VALUE, got {text!r}")
    try:
        return found[1], found[2], json.loads(found[3])
    except ValueError:
        return found[1], found[2], found[3]


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
