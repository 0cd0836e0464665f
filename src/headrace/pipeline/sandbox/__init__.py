"""Parsing in killable, caged child processes."""

from headrace.pipeline.sandbox.cage import grade
from headrace.pipeline.sandbox.leash import NurseryDied
from headrace.pipeline.sandbox.parsers import Opening, Parsers, Reading, never
from headrace.pipeline.sandbox.recognition import Recognizer, find_recognizer
from headrace.pipeline.sandbox.wire import Member, Passage, Spoilt
from headrace.pipeline.source import Limits, Outline, Source

__all__ = [
    "Limits",
    "Member",
    "NurseryDied",
    "Opening",
    "Outline",
    "Parsers",
    "Passage",
    "Reading",
    "Recognizer",
    "Source",
    "Spoilt",
    "find_recognizer",
    "grade",
    "never",
]
