"""How long the stages of work took, added up by one thread until it is learned."""

from headrace.model.pace import Pace, Unit
from headrace.model.vocabulary import Stage
from headrace.telemetry import metrics, tracing

LONGEST_KIND = 512

SPANS = {
    (Stage.EXTRACTING, Unit.BYTES): "headrace.extract",
    (Stage.CHUNKING, Unit.BYTES): "headrace.chunk",
    (Stage.ENRICHING, Unit.BYTES): "headrace.enrich",
    (Stage.INDEXING, Unit.EMBEDDINGS): "headrace.embed",
    (Stage.INDEXING, Unit.CHUNKS): "headrace.index",
}
"""What a piece of work is called in a trace; of what is counted in two units, one tells enough."""


class Measured:
    """Counts and seconds by stage, kind and unit."""

    def __init__(self) -> None:
        self._sums: dict[tuple[Stage, str, Unit], tuple[float, float]] = {}

    def add(self, stage: Stage, kind: str, unit: Unit, count: float, seconds: float) -> None:
        """So many units took so long; nothing is noted of work that has not counted."""
        if count > 0:
            metrics.note_work(stage.value, unit.value, count, max(0.0, seconds))
            if (name := SPANS.get((stage, unit))) is not None:
                tracing.past(name, seconds, {unit.value: count, "kind": kind})
            key = (stage, kind[:LONGEST_KIND], unit)
            counted, taken = self._sums.get(key, (0.0, 0.0))
            self._sums[key] = (counted + count, taken + max(0.0, seconds))

    def take(self) -> list[Pace]:
        """All of it; what follows is added up anew."""
        sums, self._sums = self._sums, {}
        return [
            Pace(stage=stage, kind=kind, unit=unit, count=count, seconds=seconds)
            for (stage, kind, unit), (count, seconds) in sums.items()
        ]
