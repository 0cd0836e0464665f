"""A document's text can be read as it was extracted, and every hit stands in it where its offsets say."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from headrace.client import Client
from tests.flows.test_sameness import items, send
from tests.running import RunningServer, running_server
from tests.unit.pipeline.documents import docx, paragraph, pdf

Json = dict[str, Any]
BOOK = "# The weir\n\n" + "\n\n".join(
    f"## Mile {mile}\n\nAt mile {mile} the weir holds.  The keeper of lock {mile} sleeps.\nHe wakes at dawn. "
    + "Water, water. " * 40
    for mile in range(30)
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("text"), embedder="none") as started:
        yield started


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client(timeout=60.0) as client:
        yield client


def ingested(http: httpx.Client, name: str, content: bytes, collection: str) -> str:
    sent = http.post("/ingest/file", files={"file": (name, content)}, data={"collection_name": collection})
    (document_id,) = sent.raise_for_status().json()["document_ids"]
    return str(document_id)


def read(http: httpx.Client, document_id: str, **where: object) -> Json:
    answer: Json = http.get(f"/documents/{document_id}/text", params=where).raise_for_status().json()  # type: ignore[arg-type]
    return answer


def hits(http: httpx.Client, words: str, collection: str) -> list[Json]:
    asked = {"query": words, "workspace": collection, "mode": "keyword", "top_k": 100}
    found: list[Json] = http.post("/query", json=asked).raise_for_status().json()["results"]
    return found


FILES = {
    "book.md": BOOK.encode(),
    "book.txt": BOOK.replace("#", "").encode(),
    "pages.pdf": pdf([f"On page {page} the weir holds" for page in range(40)]),
    "letter.docx": docx("".join(paragraph(f"The weir of mile {mile} holds. " * 20) for mile in range(20))),
}


@pytest.mark.parametrize("name", FILES)
def test_every_hit_stands_where_its_offsets_say(http: httpx.Client, name: str) -> None:
    document_id = ingested(http, name, FILES[name], name)
    whole = read(http, document_id, length=100_000)

    found = hits(http, "weir", name)

    assert len(found) > 1
    for hit in found:
        first, last = hit["offsets"]
        assert whole["text"][first:last] == hit["text"]
        (place,) = [one for one in whole["passages"] if one["chunk_id"] == hit["chunk_id"]]
        told = ("document_id", "chunk_id", "ordinal", "offsets", "page", "heading")
        assert place == {name: hit[name] for name in told}
    assert (whole["start"], whole["end"], whole["offsets"]) == (0, len(whole["text"]), None)
    assert whole["total_characters"] == len(whole["text"])


def test_the_text_is_the_one_that_was_sent_but_for_white_space(http: httpx.Client) -> None:
    document_id = ingested(http, "same.txt", FILES["book.txt"], "same")

    text = read(http, document_id, length=100_000)["text"]

    assert text.split() == FILES["book.txt"].decode().split()


def test_a_text_is_read_part_by_part(http: httpx.Client) -> None:
    document_id = ingested(http, "parts.md", FILES["book.md"], "parts")
    whole = read(http, document_id, length=100_000)["text"]

    parts, at = [], 0
    while at < len(whole):
        part = read(http, document_id, start=at, length=777)
        assert part["start"] == at
        assert all(one["offsets"][1] > at and one["offsets"][0] < part["end"] for one in part["passages"])
        parts.append(part["text"])
        at = part["end"]

    assert "".join(parts) == whole
    beyond = read(http, document_id, start=10**9)
    assert (beyond["text"], beyond["start"], beyond["passages"]) == ("", len(whole), [])


def test_a_hit_is_shown_in_place_with_its_page(http: httpx.Client) -> None:
    document_id = ingested(http, "place.pdf", FILES["pages.pdf"], "place")
    (hit,) = [one for one in hits(http, "page 7", "place") if one["page"] == 8]

    shown = read(http, document_id, chunk_id=hit["chunk_id"], around=60)

    first, last = hit["offsets"]
    assert shown["offsets"] == [first, last]
    assert (shown["start"], shown["end"]) == (first - 60, last + 60)
    assert shown["text"][60:-60] == hit["text"]
    assert "page 6" in shown["text"][:60]
    assert "page 8" in shown["text"][-60:]
    assert [one["page"] for one in shown["passages"] if one["chunk_id"] == hit["chunk_id"]] == [8]
    assert {7, 8, 9} <= {one["page"] for one in shown["passages"]}


def test_the_client_reads_it_too(http: httpx.Client, server: RunningServer) -> None:
    document_id = ingested(http, "client.md", FILES["book.md"], "client")

    with Client(server.url) as client:
        assert client.document_text(document_id, start=2, length=8)["text"] == "The weir"


def test_what_is_not_there_or_not_readable_yet_is_not_found(http: httpx.Client) -> None:
    document_id = ingested(http, "there.md", FILES["book.md"], "there")
    other = hits(http, "mile 3", "there")[0]["chunk_id"]
    elsewhere = ingested(http, "elsewhere.md", b"A short text.", "elsewhere")
    failed = items(http, send(http, "failed", ("a.md", "Good."), ("b.pdf", "%PDF-1.4\nno end")))[1]["document_id"]

    for path in (
        "/documents/nobody/text",
        f"/documents/{failed}/text",
        f"/documents/{elsewhere}/text?chunk_id={other}",
        f"/documents/{document_id}/text?chunk_id=999999999",
    ):
        assert http.get(path).status_code == 404
    for wrong in ("start=-1", "length=0", "length=100001", "around=50001", "start=x"):
        assert http.get(f"/documents/{document_id}/text?{wrong}").status_code == 422
