"""What a server and a worker load before they have anything to do."""

import subprocess
import sys

RARELY_NEEDED = ["alembic", "httpx", "numpy", "onnxruntime", "pypdfium2", "rich", "tokenizers"]


def test_a_server_and_a_worker_begin_without_what_only_some_jobs_need() -> None:
    program = (
        "import sys, headrace.server.serve, headrace.engine.worker; "
        f"print([name for name in {RARELY_NEEDED} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"
