"""`make bench`: every figure in one table. `python -m bench watching` measures one part.

`--quick` shows in a minute that fan-out can be measured here; its figures mean nothing.
"""

import sys
from functools import partial

from bench import accepting, fanout, frameworks, growth, ingesting, retrieval, scaling, watching
from bench.table import Table, machine

QUICK = "--quick"
PARTS = {
    "idle": watching.start_and_idle,
    "accepting": accepting.measure,
    "growth": growth.measure,
    "scaling": scaling.measure,
    "watching": watching.measure,
    "fanout": partial(fanout.measure, quick=QUICK in sys.argv),
    "ingesting": ingesting.measure,
    "frameworks": frameworks.measure,
    "retrieval": retrieval.measure,
}


def main() -> None:
    """Measure the parts named, or all."""
    table, where = Table(), machine()
    print(where)
    for name in [word for word in sys.argv[1:] if word != QUICK] or PARTS:
        PARTS[name](table)
    print(f"\n{where}\n\n{table}")


if __name__ == "__main__":
    main()
