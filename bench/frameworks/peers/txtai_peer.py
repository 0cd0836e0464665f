"""txtai: its text extractor with a chunker; its index (faiss, texts in SQLite), saved at the end."""

import json
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from hashing import vectors
from txtai import Embeddings
from txtai.pipeline import Textractor


def main():
    files = sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[3])]
    extract = Textractor(chunker="recursive", chunk_size=1200, tokenizer="character", backend=None)
    index = Embeddings(method="external", transform=vectors, content=True)
    chunks = 0

    def passages():
        nonlocal chunks
        for file in files:
            for number, passage in enumerate(extract(str(file))):
                chunks += 1
                yield f"{file.name}-{number}", passage

    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        index.index(passages())
        index.save(f"{folder}/index")
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        assert index.count() == chunks
    told = f"txtai {version('txtai')}"
    print(json.dumps({"documents": len(files), "chunks": chunks, "seconds": seconds, "cpu": cpu, "version": told}))


main()
