"""The example package, installed beside Headrace, teaches a real server to read a type and to cut documents."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import RunningServer

PACKAGE = Path(__file__).parents[2] / "examples/plugin"
FILM = b"1\n00:00:01,000 --> 00:00:02,000\nThe water\nrises.\n\n2\n00:00:07,500 --> 00:00:09,000\nThe wheel turns.\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("plugin")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder / "installed"), str(PACKAGE)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    server = RunningServer(folder, {"embedder": "none", "chunker": "paragraphs"})
    server.environment["PYTHONPATH"] = str(folder / "installed")
    try:
        yield server.start()
    finally:
        server.close()


@pytest.mark.timeout(180)
def test_a_package_of_ones_own_reads_its_type_and_cuts_its_way(server: RunningServer) -> None:
    with server.client() as client:
        sent = client.post("/ingest/file", files={"file": ("film.srt", FILM)}).json()
        text = client.post("/ingest/text", json={"text_content": "One paragraph.\n\nAnother one\nin two lines."}).json()
        document = client.get(f"/documents/{sent['document_ids'][0]}").json()
        asked = {"query": "wheel", "mode": "keyword", "document_ids": sent["document_ids"]}
        found = client.post("/query", json=asked).json()["results"]

    assert (sent["success"], sent["chunks_created"]) == (True, 2)
    assert (document["content_type"], document["metadata"]["cues"]) == ("application/x-subrip", "2")
    assert [hit["text"] for hit in found] == ["The wheel turns."]
    assert (text["success"], text["chunks_created"]) == (True, 2)


def test_an_enricher_of_ones_own_is_chosen_for_a_workspace(server: RunningServer) -> None:
    film = FILM.replace(b"The water", b"MILLER: The water").replace(b"The wheel", b"LOCK KEEPER: The wheel")
    config = {"enrichment": {"plugins": ["speakers"]}}
    with server.client() as client:
        client.post("/workspaces", json={"name": "films", "rag_config": config}).raise_for_status()
        refused = client.post("/workspaces", json={"name": "x", "rag_config": {"enrichment": {"plugins": ["fog"]}}})
        known = []
        for workspace in ("films", "elsewhere"):
            given = {"collection_name": workspace}
            sent = client.post("/ingest/file", files={"file": ("film.srt", film)}, data=given).json()
            known.append(client.get(f"/documents/{sent['document_ids'][0]}").json()["metadata"])
        asked = {"query": "wheel", "mode": "keyword", "workspace": "films", "filters": {"speakers": "LOCK KEEPER"}}
        found = client.post("/query", json=asked).json()["results"]

    assert known[0]["speakers"] == ["MILLER", "LOCK KEEPER"]
    assert "speakers" not in known[1]
    assert len(found) == 1
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["field"] == "rag_config.enrichment.plugins"
    assert "no enricher 'fog' is installed; other packages bring: 'speakers'" in error["message"]


def test_doctor_names_what_is_plugged_in(server: RunningServer) -> None:
    told = server.run("doctor").stdout

    assert "subtitles" in told
    assert "paragraphs" in told
    assert "speakers" in told
