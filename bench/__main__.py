"""`make bench`: every figure in one table. `python -m bench watching` measures one part."""

import sys

from bench import accepting, frameworks, growth, ingesting, retrieval, watching
from bench.table import Table, machine

PARTS = {
    "idle": watching.start_and_idle,
    "accepting": accepting.measure,
    "growth": growth.measure,
    "watching": watching.measure,
    "ingesting": ingesting.measure,
    "frameworks": frameworks.measure,
    "retrieval": retrieval.measure,
}


def main() -> None:
    """Measure the parts named, or all."""
    table, where = Table(), machine()
    print(where)
    for name in sys.argv[1:] or PARTS:
        PARTS[name](table)
    print(f"\n{where}\n\n{table}")


if __name__ == "__main__":
    main()
