"""Documents a second beside the frameworks that people build ingestion with: `make bench ARGS=frameworks`.

All take the same files, cut them into passages of about the same size, give each the same vector by its hash, and leave
the result on the disk. Headrace also writes its keyword index and tells every step durably; as it comes it describes
each document, too. The others hold everything in memory and write it once, at the end. A second is one of the
processor's, of all processes together, so that a busy machine is no excuse.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.corpora import cache
from bench.inprocess import Done, HashEmbedder, installation
from bench.table import Table

HERE = Path(__file__).parent
MANUAL_PACKAGE, MANUAL_FOLDER = "postgresql-doc-15", "usr/share/doc/postgresql-doc-15/html"
PATIENCE_SECONDS = 3600
WORDS = (
    "river stone archive lantern market harbour engine garden letter valley winter copper bridge signal forest teacher "
    "ledger orchard compass mirror island thunder paper window station meadow violin pepper glacier captain marble"
).split()
TEXTS, PARAGRAPHS = 1_000, 12


@dataclass(frozen=True, slots=True)
class Peer:
    """A framework: its script in `peers/`, what it needs, and by how much we want to be faster."""

    name: str
    packages: Sequence[str]
    target: str


PEERS = (
    Peer(
        "langchain",
        ("langchain-core", "langchain-text-splitters", "langchain-community", "beautifulsoup4", "lxml", "numpy"),
        ">= 2x",
    ),
    Peer("haystack", ("haystack-ai", "trafilatura", "lxml[html-clean]", "numpy"), ">= 2x"),
    Peer("llamaindex", ("llama-index-core", "llama-index-readers-file", "beautifulsoup4", "numpy"), ">= 2.5x"),
)
WITHOUT = {"txtai": "its package cannot be installed without torch"}


class Missing(RuntimeError):
    """A peer or a corpus cannot be had here; says why."""


def measure(table: Table) -> None:
    """Add a row for each framework and corpus."""
    for corpus, folder in {"HTML": _manual(), "plain text": _texts()}.items():
        files = sorted(folder.iterdir())
        name = f"{len(files)} documents of {corpus}"
        ours = []
        for describes in (True, False):
            done = _ours(files, describes=describes)
            ours.append(len(files) / done.cpu_seconds)
            how = "as it comes" if describes else "describing nothing"
            table.add(f"{name}: Headrace, {how}", f"{ours[-1]:.0f} documents/s ({done.chunks} passages)")
        for peer in PEERS:
            table.add(
                f"{name}: over {peer.name}, as it comes / describing nothing", _told(peer, folder, ours), peer.target
            )
    for name, reason in WITHOUT.items():
        table.add(f"documents/s over {name}", f"not measured: {reason}")


def _ours(files: Sequence[Path], *, describes: bool) -> Done:
    documents = [(file.name, file.read_bytes()) for file in files]
    with installation(HashEmbedder(), describes=describes, max_request_files=len(files)) as bench:
        bench.run([("warm.html", b"<p>The parsers are warm.</p>"), ("warm.txt", b"And so is the language model.")])
        return bench.run(documents)


def _told(peer: Peer, folder: Path, ours: Sequence[float]) -> str:
    try:
        result = _run(peer, folder)
    except Missing as reason:
        return f"not measured: {reason}"
    theirs = result["documents"] / result["cpu"]
    times = " / ".join(f"{one / theirs:.2f}x" for one in ours)
    return f"{times} ({theirs:.0f} documents/s, {result['chunks']} passages, {result['version']})"


def _run(peer: Peer, folder: Path) -> dict[str, float]:
    command = [str(_python(peer)), str(HERE / "peers" / f"{peer.name}_peer.py"), str(folder)]
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
    """The PostgreSQL manual: 1,169 pages of HTML."""
    unpacked = cache() / MANUAL_PACKAGE
    if not unpacked.exists():
        subprocess.run(["apt-get", "download", MANUAL_PACKAGE], cwd=cache(), check=True, capture_output=True)
        package = next(cache().glob(f"{MANUAL_PACKAGE}_*.deb"))
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    pages = cache() / f"{MANUAL_PACKAGE}-pages"
    if not pages.exists():
        pages.mkdir()
        for page in (unpacked / MANUAL_FOLDER).glob("*.html"):
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
