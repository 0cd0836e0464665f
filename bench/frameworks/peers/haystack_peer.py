"""Haystack: a pipeline of converter, splitter, embedder and writer; in memory, saved at the end, or Chroma."""

import json
import os
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from hashing import vectors
from haystack import Document, Pipeline, component
from haystack.components.converters import HTMLToDocument, TextFileToDocument
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.writers import DocumentWriter
from haystack.document_stores.in_memory import InMemoryDocumentStore


@component
class Hashed:
    """As all others here."""

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]):
        for document, vector in zip(documents, vectors([one.content or "" for one in documents]), strict=True):
            document.embedding = vector
        return {"documents": documents}


def opened(kind, folder):
    if kind == "memory":
        return InMemoryDocumentStore()
    from haystack_integrations.document_stores.chroma import ChromaDocumentStore

    return ChromaDocumentStore(persist_path=folder)


def main():
    files = sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[3])]
    folder = tempfile.TemporaryDirectory()
    store = opened(sys.argv[2], folder.name)
    pipeline = Pipeline()
    pipeline.add_component("convert", HTMLToDocument() if files[0].suffix == ".html" else TextFileToDocument())
    pipeline.add_component("split", DocumentSplitter(split_by="word", split_length=180, split_overlap=0))
    pipeline.add_component("embed", Hashed())
    pipeline.add_component("write", DocumentWriter(document_store=store))
    pipeline.connect("convert", "split")
    pipeline.connect("split", "embed")
    pipeline.connect("embed", "write")
    began, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(files), 50):
        pipeline.run({"convert": {"sources": files[start : start + 50]}})
    if isinstance(store, InMemoryDocumentStore):
        store.save_to_disk(f"{folder.name}/store.json")
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    told = f"haystack-ai {version('haystack-ai')}"
    print(json.dumps(
        {"documents": len(files), "chunks": store.count_documents(), "seconds": seconds, "cpu": cpu, "version": told}
    ))  # fmt: skip


main()
