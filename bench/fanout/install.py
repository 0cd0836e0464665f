"""Brings the peers into a folder of their own, which is kept for the next run: none is a part of the product."""

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
PYTHON_PEERS = (
    "sse-starlette==3.7.0", "python-socketio==5.18.1", "python-engineio==4.15.1", "starlette==1.10.0",
    "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0", "websockets==17.4",
)  # fmt: skip
NODE_PEERS = ("better-sse@0.16.1", "socket.io@4.8.4")


class Missing(RuntimeError):
    """A peer cannot be had here; says why, and how to get it."""


def needs(program: str, package: str) -> str:
    """The path of a program."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"{program} is not installed; get it with: apt-get install {package}")
    return found


@cache
def python() -> Path:
    """The interpreter of an environment that has the Python peers."""
    folder = _folder("python", PYTHON_PEERS)
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *PYTHON_PEERS)
        (folder / "done").touch()
    return folder / "bin/python"


@cache
def node_folder() -> Path:
    """A folder that has the Node peers, and our few lines around each."""
    needs("node", "nodejs")
    npm = needs("npm", "npm")
    folder = _folder("node", NODE_PEERS)
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true}')
        _run(npm, "install", "--no-fund", "--no-audit", "--loglevel=error", *NODE_PEERS, cwd=folder)
        (folder / "done").touch()
    for script in (HERE / "peers").glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


@cache
def compiled(name: str) -> Path:
    """One of our programs in C."""
    compiler, source = needs("cc", "gcc"), HERE / f"{name}.c"
    program = _folder("c", (source.read_text(),)) / name
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        _run(compiler, "-O2", "-o", str(program), str(source))
    return program


@cache
def nchan_modules() -> Path:
    """Where nginx has the module."""
    nginx = needs("nginx", "nginx libnginx-mod-nchan")
    told = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=True).stderr
    found = [word.partition("=")[2] for word in told.split() if word.startswith("--modules-path=")]
    folder = Path(found[0] if found else "/usr/lib/nginx/modules")
    if not (folder / "ngx_nchan_module.so").exists():
        raise Missing("nchan is not installed; get it with: apt-get install libnginx-mod-nchan")
    return folder


def _folder(kind: str, what: tuple[str, ...]) -> Path:
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME") or Path(tempfile.gettempdir()))
    return cache_folder / "headrace-bench" / f"{kind}-{sha256(repr((what, sys.version)).encode()).hexdigest()[:12]}"


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    if done.returncode:
        raise Missing(f"`{' '.join(command)}` failed: {done.stderr.strip()[-300:]}")
