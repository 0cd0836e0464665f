"""LangChain: its loaders, its recursive splitter, its vector store in memory, dumped at the end."""

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


def main():
    files = sorted(Path(sys.argv[1]).iterdir())
    splitter = RecursiveCharacterTextSplitter(chunk_size=1200, chunk_overlap=0)
    store = InMemoryVectorStore(Hashed())
    chunks = 0
    began, cpu = time.perf_counter(), time.process_time()
    for file in files:
        is_page = file.suffix == ".html"
        loader = BSHTMLLoader(str(file), open_encoding="utf-8") if is_page else TextLoader(str(file), encoding="utf-8")
        found = splitter.split_documents(loader.load())
        chunks += len(found)
        store.add_documents(found)
    with tempfile.TemporaryDirectory() as folder:
        store.dump(f"{folder}/store.json")
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    told = f"langchain-core {version('langchain-core')}"
    print(json.dumps({"documents": len(files), "chunks": chunks, "seconds": seconds, "cpu": cpu, "version": told}))


main()
