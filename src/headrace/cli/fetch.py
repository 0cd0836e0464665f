"""What is sent when it is not a file yet: standard input, or a page of the web."""

import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headrace.cli.options import usage

_ENDINGS = {
    "text/html": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
}


def is_url(argument: str) -> bool:
    """Whether an argument of `ingest` names a page rather than a file."""
    return argument.startswith(("http://", "https://"))


def save_stdin(folder: Path) -> Path:
    """Standard input as a file; named as text unless its beginning shows otherwise."""
    if sys.stdin.isatty():
        print("type or paste the text, then Ctrl-D:", file=sys.stderr)
    first = sys.stdin.buffer.read(65_536)
    if not first:
        raise usage("standard input is empty: there is nothing to ingest")
    path = folder / ("stdin" if b"\0" in first or first.startswith(b"%PDF") else "stdin.txt")
    with path.open("wb") as file:
        file.write(first)
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def save_page(url: str, folder: Path) -> Path:
    """What answers at `url`, as a file named after it."""
    import httpx

    from headrace.client.answers import reason

    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=60) as response:
            response.raise_for_status()
            path = folder / name_of(str(response.url), response.headers.get("content-type", ""))
            with path.open("wb") as file:
                for piece in response.iter_bytes():
                    file.write(piece)
    except httpx.HTTPStatusError as error:
        raise usage(f"{url} answers {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise usage(f"{url} cannot be fetched: {reason(error)}") from error
    return path


def name_of(url: str, content_type: str) -> str:
    """A file name from an address: its last part, with the ending that its content type stands for."""
    parts = urlsplit(url)
    last = unquote(parts.path).rstrip("/").rpartition("/")[2] or parts.netloc
    clean = re.sub(r"[^\w.\- ]", "_", last).lstrip(".")[:150] or "page"
    ending = _ENDINGS.get(content_type.partition(";")[0].strip().lower(), "")
    return clean if not ending or clean.lower().endswith(ending) else clean + ending
