"""Documents a second beside the frameworks that people build ingestion with: `make bench ARGS=frameworks`.

All take the same files from the disk, cut them into passages of about the same size, give each the same vector by its
hash, and leave a store on the disk that can be searched by vectors. Each framework reads, splits and stores with the
parts that its own documents show, one process each, in two ways: into its store in memory, written to the disk once, at
the end; and into Chroma on the disk, as they go, which is what their documents show for a store that lasts. They cut by
characters, as their documents do, and may cut what an embedder reads only the beginning of; LangChain also by the same
tokens as Headrace, which always does, so that nothing is lost.

Headrace, in one thread beside its caged parsers, also accepts the files durably, writes a keyword index, tells each
document and step in its log, and goes on where it stopped if killed; as it comes it describes each document, too. What
accepting takes is counted. Told are documents a second of the processor, of all processes together, and of the clock.
`HEADRACE_BENCH_SHARE=0.2` takes a fifth of the files; `HEADRACE_BENCH_LARGE=1` takes txtai along, which installs torch.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.corpora import SHARE, cache, manual_folder
from bench.inprocess import HashEmbedder, installation
from bench.table import Table

HERE = Path(__file__).parent
PATIENCE_SECONDS = 3600
WORDS = (
    "river stone archive lantern market harbour engine garden letter valley winter copper bridge signal forest teacher "
    "ledger orchard compass mirror island thunder paper window station meadow violin pepper glacier captain marble"
).split()
TEXTS, PARAGRAPHS = 1_000, 12


@dataclass(frozen=True, slots=True)
class Peer:
    """A framework: its script in `peers/`, what it needs, by how much we want to be faster, and the stores it has.

    `size` is what it takes on the disk, told where that is so much that it is installed only when asked for.
    """

    name: str
    packages: Sequence[str]
    target: str = ""
    stores: Sequence[str] = ("memory", "chroma")
    size: str = ""


PEERS = (
    Peer(
        "langchain",
        (
            *("langchain-core", "langchain-text-splitters", "langchain-community", "langchain-chroma"),
            *("beautifulsoup4", "lxml", "numpy", "tokenizers"),
        ),
        ">= 2x",
        ("memory", "tokens", "chroma"),
    ),
    Peer("haystack", ("haystack-ai", "chroma-haystack", "trafilatura", "lxml[html-clean]", "numpy"), ">= 2.5x"),
    Peer(
        "llamaindex",
        (
            *("llama-index-core", "llama-index-readers-file", "llama-index-vector-stores-chroma"),
            *("beautifulsoup4", "numpy"),
        ),
        ">= 2.5x",
    ),
    Peer("txtai", ("txtai", "chonkie", "beautifulsoup4"), stores=("memory",), size="6 GB, most of it torch"),
)
STORES = {
    "memory": "in memory, written at the end",
    "tokens": "in memory, cut by the embedder's tokens",
    "chroma": "into Chroma on the disk",
}
LARGE = os.environ.get("HEADRACE_BENCH_LARGE") == "1"


class Missing(RuntimeError):
    """A peer or a corpus cannot be had here; says why."""


def measure(table: Table) -> None:
    """Add the rows of each corpus: ours, then each framework with each of its stores."""
    for corpus, folder in {"HTML": _manual(), "plain text": _texts()}.items():
        files = sorted(folder.iterdir())
        files = files[: max(1, int(len(files) * min(1, SHARE)))]
        name = f"{len(files)} documents of {corpus}"
        ours = {
            how: _ours(files, describes=how != "describing nothing") for how in ("as it comes", "describing nothing")
        }
        for how, rate in ours.items():
            table.add(f"{name}: Headrace, {how}", str(rate))
        for peer in PEERS:
            for store in peer.stores:
                told = _told(peer, store, folder, len(files), list(ours.values()))
                what = f"{name}: over {peer.name} {STORES[store]}, as it comes / describing nothing"
                table.add(what, told, peer.target)


@dataclass(frozen=True, slots=True)
class Rate:
    """Documents a second of the processor and of the clock."""

    of_processor: float
    of_clock: float
    chunks: int

    def __str__(self) -> str:
        """For people."""
        rates = f"{self.of_processor:.0f} documents/s of the processor, {self.of_clock:.0f} of the clock"
        return f"{rates} ({self.chunks} passages)"

    def over(self, other: "Rate") -> str:
        """How many times as fast as the other."""
        processor, clock = self.of_processor / other.of_processor, self.of_clock / other.of_clock
        return f"{processor:.2f}x (clock {clock:.2f}x)"


def _ours(files: Sequence[Path], *, describes: bool) -> Rate:
    with installation(HashEmbedder(), describes=describes, max_request_files=len(files)) as bench:
        bench.run([("warm.html", b"<p>The parsers are warm.</p>"), ("warm.txt", b"And so is the language model.")])
        done = bench.run([(file.name, file.read_bytes()) for file in files])
    cpu, seconds = done.cpu_seconds + done.accepting_cpu_seconds, done.seconds + done.accepting_seconds
    return Rate(len(files) / cpu, len(files) / seconds, done.chunks)


def _told(peer: Peer, store: str, folder: Path, count: int, ours: Sequence[Rate]) -> str:
    try:
        result = _run(peer, store, folder, count)
    except Missing as reason:
        return f"not measured: {reason}"
    theirs = Rate(count / result["cpu"], count / result["seconds"], int(result["chunks"]))
    return f"{' / '.join(one.over(theirs) for one in ours)}; {theirs}, {result['version']}"


def _run(peer: Peer, store: str, folder: Path, count: int) -> dict[str, float]:
    command = [str(_python(peer)), str(HERE / "peers" / f"{peer.name}_peer.py"), str(folder), store, str(count)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True)
    except subprocess.SubprocessError as error:
        raise Missing(f"it failed: {str(getattr(error, 'stderr', error))[-200:]!r}") from error
    result: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return result


def _python(peer: Peer) -> Path:
    """The interpreter of an environment of the peer's own, kept for the next run."""
    folder = cache() / f"peer-{peer.name}"
    if not (folder / "done").exists():
        if peer.size and not LARGE:
            raise Missing(f"HEADRACE_BENCH_LARGE=1 installs it: {peer.size}")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
            install = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *peer.packages]
            subprocess.run(install, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
        except subprocess.SubprocessError as error:
            raise Missing(f"pip install {' '.join(peer.packages)}: {error}") from error
        (folder / "done").touch()
    return folder / "bin/python"


def _manual() -> Path:
    """The PostgreSQL manual: 1,169 pages of HTML, and nothing beside them."""
    pages = cache() / "manual-pages"
    if not pages.exists():
        pages.mkdir()
        for page in manual_folder().glob("*.html"):
            shutil.copy(page, pages)
    return pages


def _texts() -> Path:
    """Made here: words at random, in paragraphs, about 5 kB each."""
    folder = cache() / f"texts-{TEXTS}"
    if not folder.exists():
        folder.mkdir()
        for number in range(TEXTS):
            (folder / f"{number}.txt").write_text(_text(number), encoding="utf-8")
    return folder


def _text(seed: int) -> str:
    state, paragraphs = seed * 2654435761 + 1, []
    for _ in range(PARAGRAPHS):
        words = []
        for _ in range(60):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            words.append(WORDS[(state >> 40) % len(WORDS)])
        paragraphs.append(f"{' '.join(words)}.")
    return "\n\n".join(paragraphs)
