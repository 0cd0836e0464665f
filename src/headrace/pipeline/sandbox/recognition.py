"""Text recognition (OCR) by the `tesseract` command, in a caged process of its own for each picture."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.parts import Recognize, Unrecognized
from headrace.pipeline.sandbox.leash import Leashed, NurseryDied, Patience
from headrace.pipeline.source import Limits, Picture

PROGRAM = "tesseract"
# Told among the languages, but those are models of other things.
NO_LANGUAGES = {"osd", "equ"}
LIST_SECONDS = 10.0
MAX_TEXT_BYTES = 1 << 20
# Where it finds its models; and one thread, since pages of several documents are read at once.
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognizer:
    """How text is recognized: the program's path, and the languages as it wants them, `deu+eng`."""

    program: str
    languages: str

    @property
    def command(self) -> list[str]:
        """From a picture on standard input to text on standard output."""
        return [self.program, "stdin", "stdout", "-l", self.languages, "--dpi", "300"]


class PageTexts(Protocol):
    """The texts that were recognized in one document's pages before, by what each page looks like."""

    def find(self, key: bytes) -> str | None:
        """The text; None where it is not known."""
        ...

    def keep(self, key: bytes, text: str) -> None:
        """Remember it, beyond the end of this process."""
        ...


def remembering(recognize: Recognize, texts: PageTexts, recognizer: Recognizer) -> Recognize:
    """As `recognize`, but no page is read twice by the same program in the same languages."""

    def recall(picture: Picture) -> str:
        key = picture_key(picture, recognizer)
        known = texts.find(key)
        if known is None:
            known = recognize(picture)
            texts.keep(key, known)
        return known

    return recall


def picture_key(picture: Picture, recognizer: Recognizer) -> bytes:
    """What a picture's text is kept under: 32 bytes, SHA-256 over the pixels and how they are read."""
    how = f"{PROGRAM}\0{recognizer.languages}\0{picture.width}x{picture.height}\0"
    return hashlib.sha256(how.encode() + picture.pixels).digest()


def find_recognizer(languages: str = "") -> Recognizer | None:
    """The program, if it is installed; `languages` empty stands for all that it has.

    Raises ValueError for a language that it does not have.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    there = languages_of(program)
    wanted = languages.split("+") if languages else there
    if missing := sorted(set(wanted) - set(there)):
        told = f"tesseract has no language {missing[0]!r}, only {', '.join(there) or 'none'}"
        raise ValueError(f"{told}; install its package, such as tesseract-ocr-{missing[0]}")
    return Recognizer(program=os.path.realpath(program), languages="+".join(wanted)) if wanted else None


def languages_of(program: str) -> list[str]:
    """The languages that are installed; none if the program does not even say that."""
    command = [program, "--list-langs"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=LIST_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return sorted(set(told.stdout.split("\n")[1:]) - {"", *NO_LANGUAGES})


def environment() -> dict[str, str]:
    """What the program may know of its surroundings."""
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | {"OMP_THREAD_LIMIT": "1"}


def read_picture(fork: Callable[[], Leashed], picture: Picture, limits: Limits, stop: Callable[[], bool]) -> str:
    """The text in a picture, by a process that `fork` gives.

    Raises Unrecognized when that fails, Superseded when stopped; the process is gone in any case.
    """
    try:
        process = fork()
    except NurseryDied as error:
        raise Unrecognized("could not be recognized") from error
    patience = Patience(limits.recognition_seconds, stop)
    try:
        process.send(f"P5\n{picture.width} {picture.height}\n255\n".encode(), patience)
        process.send(picture.pixels, patience)
        process.finish_sending()
        text = heard(process, patience)
        if process.verdict(limits) is not None:
            raise Unrecognized("could not be recognized")
    except DocumentError as error:
        raise Unrecognized(f"took more than {limits.recognition_seconds:g} seconds to recognize") from error
    finally:
        process.kill()
    return text.decode("utf-8", "replace").replace("\f", "").strip()


def heard(process: Leashed, patience: Patience) -> bytes:
    """All that the process says, within reason."""
    text = bytearray()
    while block := process.receive(patience):
        text += block
        if len(text) > MAX_TEXT_BYTES:
            raise Unrecognized("holds more text than a page can")
    return bytes(text)
