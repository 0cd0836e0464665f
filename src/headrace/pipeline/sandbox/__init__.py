"""Parsing in killable, caged child processes."""

from headrace.pipeline.sandbox.cage import grade
from headrace.pipeline.sandbox.owner import NurseryDied
from headrace.pipeline.sandbox.parsers import Parsers, Reading, never
from headrace.pipeline.source import Limits, Outline, Source

__all__ = ["Limits", "NurseryDied", "Outline", "Parsers", "Reading", "Source", "grade", "never"]
