"""What a page costs whoever looks at it: frames, long tasks, requests, memory. Chromium tells all of it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.browser.engines import PlaywrightPage

BEGIN = """
const seen = (window.seen = { frames: [], tasks: [], toasts: 0 })
new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: 'longtask' })
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) seen.toasts += addedNodes.length
}).observe(document.querySelector('.toasts'), { childList: true })
let before = performance.now()
const look = (now) => {
  seen.frames.push(now - before)
  before = now
  requestAnimationFrame(look)
}
requestAnimationFrame(look)
"""
TAKE = """
const { frames, tasks, toasts } = window.seen
Object.assign(window.seen, { frames: [], tasks: [], toasts: 0 })
return { frames, tasks, toasts, nodes: document.getElementsByTagName('*').length }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one stretch of time: milliseconds, counts and bytes."""

    frames: list[float]
    tasks: list[float]
    toasts: int
    elements: int
    heap_bytes: int
    requests: Counter[str]
    seconds: dict[str, float]
    """What the page's thread did: scripts, style, layout, and tasks in all."""

    def __str__(self) -> str:
        ordered, tasks = sorted(self.frames) or [0.0], self.tasks
        return (
            f"{len(self.frames)} frames, p99 {ordered[int(len(ordered) * 0.99)]:.0f} ms, longest {ordered[-1]:.0f} ms; "
            f"{len(tasks)} long tasks, longest {max(tasks, default=0):.0f} ms, {sum(tasks):.0f} ms in all; "
            f"{self.elements} elements; heap {self.heap_bytes / 1e6:.1f} MB; {self.requests.total()} requests, "
            f"{self.requests['events']} of them streams; {self.toasts} toasts; {self.seconds}"
        )


class Watched:
    """A page under observation."""

    def __init__(self, page: PlaywrightPage) -> None:
        self._page = page
        self._devtools: Any = page.page.context.new_cdp_session(page.page)
        self._devtools.send("Performance.enable")
        self._requests: Counter[str] = Counter()
        self._told: dict[str, float] = {}
        page.page.on("request", lambda request: self._count(request.url))
        page.run(BEGIN)

    def take(self) -> Cost:
        """What was seen since the beginning, or since this was asked last."""
        found = self._page.run(TAKE)
        self._devtools.send("HeapProfiler.collectGarbage")
        told = {one["name"]: one["value"] for one in self._devtools.send("Performance.getMetrics")["metrics"]}
        requests, self._requests = self._requests, Counter()
        names = ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration", "TaskDuration")
        before, self._told = self._told, told
        return Cost(
            frames=found["frames"],
            tasks=found["tasks"],
            toasts=found["toasts"],
            elements=found["nodes"],
            heap_bytes=int(told["JSHeapUsedSize"]),
            requests=requests,
            seconds={name: round(told[name] - before.get(name, 0.0), 2) for name in names},
        )

    def _count(self, url: str) -> None:
        """By the route: ids are all alike."""
        parts = urlsplit(url).path.strip("/").split("/")
        self._requests["/".join("*" if len(part) == 36 else part for part in parts)] += 1
