"""Events to a thousand watchers at once: the product's server beside others, one at a time under the same load.

Each server has one core and the load the other; what counts is the processor time that a server's processes used, and
when each delivery arrived. All servers take their turn in every round, and the ratios are the medians over the rounds,
since on a shared machine nothing else is worth comparing.
"""

from collections.abc import Callable
from statistics import median

from bench.fanout import servers
from bench.fanout.install import Missing
from bench.fanout.load import Load, Outcome, put
from bench.fanout.servers import Server
from bench.table import Table

ROUNDS = 3
STEADY = Load(name="1,000 watchers, 10 events/s", watchers=1_000, per_second=10, seconds=5)
STORM = Load(name="1,000 watchers, 300 events/s", watchers=1_000, per_second=300, seconds=3)
MANY = Load(name="5,000 watchers, 3 events/s", watchers=5_000, per_second=3, seconds=6)
PROMPT = Load(name="900 watchers, 10 events/s of 8 KB", watchers=900, per_second=10, seconds=5, padding=8_000)
SLOW = Load(
    name="the same, and 100 that read nothing", watchers=900, stalled=100, per_second=10, seconds=5, padding=8_000
)

SSE = (servers.HEADRACE, servers.SSE_STARLETTE, servers.BETTER_SSE, servers.NCHAN, servers.LIMIT)
SOCKET_IO = (servers.HEADRACE_SOCKETIO, servers.PYTHON_SOCKETIO, servers.NODE_SOCKETIO)

COSTS = (
    (STEADY, servers.SSE_STARLETTE, 3.5), (STORM, servers.SSE_STARLETTE, 5.0), (STEADY, servers.BETTER_SSE, None),
    (STORM, servers.BETTER_SSE, None), (STEADY, servers.NCHAN, None), (STORM, servers.NCHAN, None),
    (STEADY, servers.LIMIT, 0.75), (STORM, servers.LIMIT, 1.0),
)  # fmt: skip
"""Where deliveries per second of processor time are compared: the load, with whom, and the least ratio."""

MOST_MS, MOST_SLOWER, MOST_KB = 100, 1.5, 12

Seen = dict[tuple[Load, Server], list[Outcome]]


def measure(table: Table, *, quick: bool = False) -> None:
    """Add the rows of fan-out. `quick`: one round of everything on a hundred watchers, to see that it works."""
    rounds, seen = (1 if quick else ROUNDS), Seen()
    for _ in range(rounds):
        for load, which in ((STEADY, SSE), (STORM, SSE), (STEADY, SOCKET_IO)):
            _take_turns(load, which, seen, quick=quick)
    _take_turns(MANY, (servers.HEADRACE, servers.SSE_STARLETTE, servers.NCHAN), seen, quick=quick)
    for load in (PROMPT, SLOW):
        _take_turns(load, (servers.HEADRACE, servers.SSE_STARLETTE), seen, quick=quick)
    _compare(table, seen)


def _take_turns(load: Load, which: tuple[Server, ...], seen: Seen, *, quick: bool) -> None:
    for server in which:
        try:
            outcome = put(load.smaller() if quick else load, server)
        except Missing as reason:
            print(f"{server.name}: skipped, {reason}", flush=True)
            continue
        seen.setdefault((load, server), []).append(outcome)
        print(f"{load.name:36} {server.name:20} {outcome}", flush=True)


def _compare(table: Table, seen: Seen) -> None:
    hub, queues = servers.HEADRACE, servers.SSE_STARLETTE
    for load, other, least in COSTS:
        _cost(table, seen, load, hub, other, least)
    for other, least in ((servers.PYTHON_SOCKETIO, 6.0), (servers.NODE_SOCKETIO, 1.5)):
        _cost(table, seen, STEADY, servers.HEADRACE_SOCKETIO, other, least)
    for other, most in ((queues, 0.35), (servers.NCHAN, 1.0)):
        _promptness(table, seen, hub, other, most)
    for load in (STORM, MANY):
        p99, theirs = _middle(seen, load, hub, "p99"), _middle(seen, load, queues, "p99")
        said = f"{p99:.0f} ms ({queues.name} {theirs:.0f} ms, {_share(seen, load, queues):.0%} delivered)"
        table.add(f"p99, {load.name}", said, verdict("< 100 ms", p99 < MOST_MS))
    slower = _middle(seen, SLOW, hub, "p99") / _middle(seen, PROMPT, hub, "p99")
    table.add(
        "p99 of 900 watchers beside 100 that read nothing", f"{slower:.2f}x", verdict("<= 1.5x", slower <= MOST_SLOWER)
    )
    for server in (hub, queues):
        slow = seen[SLOW, server][-1]
        process, kernel = max(slow.memory_grew_kb, 0) / SLOW.stalled, max(slow.kernel_grew_kb, 0) / SLOW.stalled
        table.add(f"for each that reads nothing, {server.name}", f"{process:.0f} KB, in the kernel {kernel:.0f} KB")
    for server in (*SSE, *SOCKET_IO):
        if (STEADY, server) in seen:
            kb = _middle(seen, STEADY, server, "kb_per_watcher")
            target = verdict("<= 12 KB", kb <= MOST_KB) if server is hub else ""
            table.add(f"memory of an idle watcher, {server.name}", f"{kb:.1f} KB", target)


def _promptness(table: Table, seen: Seen, one: Server, other: Server, most: float) -> None:
    ratios = _ratios(seen, STEADY, one, other, lambda outcome: outcome.p99)
    if ratios:
        ours, theirs = _middle(seen, STEADY, one, "p99"), _middle(seen, STEADY, other, "p99")
        said = f"{median(ratios):.2f}x ({ours:.0f} against {theirs:.0f} ms)"
        table.add(f"p99 against {other.name}, {STEADY.name}", said, verdict(f"<= {most}x", median(ratios) <= most))


def _share(seen: Seen, load: Load, server: Server) -> float:
    return median(outcome.delivered / outcome.wanted for outcome in seen[load, server])


def _cost(table: Table, seen: Seen, load: Load, one: Server, other: Server, least: float | None) -> None:
    """Deliveries for a second of processor time, against another's."""
    ratios = _ratios(seen, load, one, other, lambda outcome: outcome.per_cpu_second)
    if not ratios:
        return
    ours, theirs = _middle(seen, load, one, "per_cpu_second"), _middle(seen, load, other, "per_cpu_second")
    said = (
        f"{median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f}; {ours / 1000:.0f}k against {theirs / 1000:.0f}k)"
    )
    target = "" if least is None else verdict(f">= {least}x", median(ratios) >= least)
    table.add(f"deliveries per CPU-second, {one.name} against {other.name}, {load.name}", said, target)


def _ratios(seen: Seen, load: Load, one: Server, other: Server, figure: Callable[[Outcome], float]) -> list[float]:
    """Of each round, whose measurements are close together in time."""
    return [
        figure(ours) / figure(theirs)
        for ours, theirs in zip(seen.get((load, one), ()), seen.get((load, other), ()), strict=False)
    ]


def _middle(seen: Seen, load: Load, server: Server, name: str) -> float:
    return median(getattr(outcome, name) for outcome in seen[load, server])


def verdict(target: str, is_met: bool) -> str:
    """A target, and whether it is met."""
    return f"{target}, met" if is_met else f"{target}, **missed**"
