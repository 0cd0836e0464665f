"""LangChain: its loaders, its recursive splitter by characters or by the embedder's tokens; in memory, or in Chroma."""

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
from tokenizers import BertWordPieceTokenizer

VOCABULARY = Path(__file__).parents[3] / "src/headrace/pipeline/embed/data/minilm/vocab.txt"
CHARACTERS, TOKENS = 1200, 254


class Hashed(Embeddings):
    """As all others here."""

    def embed_documents(self, texts):
        return vectors(texts)

    def embed_query(self, text):
        return vectors([text])[0]


def opened(kind, folder):
    if kind != "chroma":
        return InMemoryVectorStore(Hashed())
    from langchain_chroma import Chroma

    return Chroma(embedding_function=Hashed(), persist_directory=folder)


def splitting(kind):
    if kind != "tokens":
        return RecursiveCharacterTextSplitter(chunk_size=CHARACTERS, chunk_overlap=0)
    tokenizer = BertWordPieceTokenizer(str(VOCABULARY))
    return RecursiveCharacterTextSplitter(
        chunk_size=TOKENS,
        chunk_overlap=0,
        length_function=lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
    )


def load(file):
    if file.suffix == ".html":
        return BSHTMLLoader(str(file), open_encoding="utf-8").load()
    return TextLoader(str(file), encoding="utf-8").load()


def main():
    files = sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[3])]
    splitter = splitting(sys.argv[2])
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
