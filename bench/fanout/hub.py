"""The product's server without its worker. What it costs is this process: uvicorn, the streams, the log's reading.

python -m bench.fanout.hub FOLDER PORT
"""

import sys
from pathlib import Path

from headrace.server.app import Application
from headrace.server.serve import Server, _config
from headrace.settings import Settings


def main() -> None:
    settings = Settings(data_dir=Path(sys.argv[1]), port=int(sys.argv[2]), embedder="none", log_level="ERROR")
    application = Application(settings)
    Server(application, _config(application, settings)).run()


if __name__ == "__main__":
    main()
