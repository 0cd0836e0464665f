"""LlamaIndex: its readers, its sentence splitter; its index in memory, persisted at the end, or Chroma on the disk."""

import json
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from hashing import vectors
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.node_parser import SentenceSplitter
from llama_index.readers.file import HTMLTagReader


class Hashed(BaseEmbedding):
    """As all others here."""

    def _get_text_embedding(self, text):
        return vectors([text])[0]

    def _get_text_embeddings(self, texts):
        return vectors(texts)

    def _get_query_embedding(self, query):
        return vectors([query])[0]

    async def _aget_query_embedding(self, query):
        return vectors([query])[0]


def opened(kind, folder):
    if kind == "memory":
        return StorageContext.from_defaults()
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    collection = chromadb.PersistentClient(path=folder).get_or_create_collection("bench")
    return StorageContext.from_defaults(vector_store=ChromaVectorStore(chroma_collection=collection))


def main():
    files = sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[3])]
    folder = tempfile.TemporaryDirectory()
    splitter = SentenceSplitter(chunk_size=256, chunk_overlap=0)
    reader = HTMLTagReader(tag="body", ignore_no_id=False)
    context = opened(sys.argv[2], folder.name)
    index = VectorStoreIndex([], storage_context=context, embed_model=Hashed(embed_batch_size=64))
    chunks = 0
    began, cpu = time.perf_counter(), time.process_time()
    for file in files:
        is_page = file.suffix == ".html"
        found = reader.load_data(file) if is_page else [Document(text=file.read_text(encoding="utf-8"))]
        nodes = splitter.get_nodes_from_documents(found)
        chunks += len(nodes)
        index.insert_nodes(nodes)
    if sys.argv[2] == "memory":
        context.persist(folder.name)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    told = f"llama-index-core {version('llama-index-core')}"
    print(json.dumps({"documents": len(files), "chunks": chunks, "seconds": seconds, "cpu": cpu, "version": told}))


main()
