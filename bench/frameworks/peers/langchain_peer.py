"""LangChain: its loaders, its recursive splitter; its store in memory, dumped at the end, or Chroma on the disk."""

import json
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from hashing import vectors
from langchain_community.document_loaders import BSHTMLLoader, TextLoader
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter


class Hashed(Embeddings):
    """As all others here."""

    def embed_documents(self, texts):
        return vectors(texts)

    def embed_query(self, text):
        return vectors([text])[0]


def opened(kind, folder):
    if kind == "memory":
        return InMemoryVectorStore(Hashed())
    from langchain_chroma import Chroma

    return Chroma(embedding_function=Hashed(), persist_directory=folder)


def load(file):
    if file.suffix == ".html":
        return BSHTMLLoader(str(file), open_encoding="utf-8").load()
    return TextLoader(str(file), encoding="utf-8").load()


def main():
    files = sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[3])]
    splitter = RecursiveCharacterTextSplitter(chunk_size=1200, chunk_overlap=0)
    chunks = 0
    with tempfile.TemporaryDirectory() as folder:
        store = opened(sys.argv[2], folder)
        began, cpu = time.perf_counter(), time.process_time()
        for file in files:
            found = splitter.split_documents(load(file))
            chunks += len(found)
            store.add_documents(found)
        if isinstance(store, InMemoryVectorStore):
            store.dump(f"{folder}/store.json")
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    told = f"langchain-core {version('langchain-core')}"
    print(json.dumps({"documents": len(files), "chunks": chunks, "seconds": seconds, "cpu": cpu, "version": told}))


main()
