"""JSON as readable text: each value on a line behind its path, each element of a list at the top a record."""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.encoding import open_text
from headrace.pipeline.extract.parts import Parsed, grouped
from headrace.pipeline.source import Limits, Outline

STRING = r'"(?:[^"\\]|\\.)*+"?'
COMMENT = re.compile(rf"{STRING}|//[^\r\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
LAST_COMMA = re.compile(rf"({STRING})|,(?=\s*[}}\]])", re.DOTALL)


def extract(file: BinaryIO, limits: Limits) -> Parsed:  # noqa: ARG001  (one signature for all)
    """The whole value is in memory at once; JSON lines are not."""
    value = parsed(open_text(file).read())
    title = value.get("title") if isinstance(value, dict) else None
    return Parsed(outline=Outline(title=title if isinstance(title, str) else None), parts=grouped(read_records(value)))


def parsed(text: str) -> Any:
    """The value. Many programs write what is no JSON into a file named .json: NaN, JSON lines, or comments."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        for read in (json.loads, parsed_lines, parsed_commented):
            with contextlib.suppress(ValueError, RecursionError):
                return read(text)
        raise broken_json(error.lineno) from error


def parsed_lines(text: str) -> list[Any]:
    """A value for each line that is not blank."""
    return [orjson.loads(line) for line in text.splitlines() if line.strip()]


def parsed_commented(text: str) -> Any:
    """The value among comments and with commas behind the last of several, as settings of programs have them."""
    bare = COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    return json.loads(LAST_COMMA.sub(lambda found: found[1] or "", bare))


def broken_json(line: int) -> DocumentError:
    """The place is what its sender needs to know."""
    return DocumentError(
        "corrupt", f"the JSON is broken at line {line}; correct it, or send it again if it was cut off"
    )


def read_records(value: Any) -> Iterator[tuple[str, float]]:
    """One record for each element of a list, else one for each value."""
    if isinstance(value, list):
        for index, element in enumerate(value, 1):
            yield "\n".join(lines_of(element)), index / len(value)
    else:
        yield from ((line, 1.0) for line in ["\n".join(lines_of(value))])


def lines_of(value: Any) -> Iterator[str]:
    """Each leaf in order, as "path: value". A stack and no recursion, since depth is the sender's choice."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict):
            stack.extend((joined(path, key), child) for key, child in reversed(node.items()))
        elif isinstance(node, list) and not all(is_leaf(child) for child in node):
            stack.extend((joined(path, str(index)), child) for index, child in reversed(list(enumerate(node))))
        elif text := leaf_text(node):
            yield f"{path}: {text}" if path else text


def joined(path: str, key: str) -> str:
    """The path of a child."""
    return f"{path}.{key}" if path else key


def is_leaf(value: Any) -> bool:
    """Whether nothing lies below the value."""
    return not isinstance(value, dict | list)


def leaf_text(value: Any) -> str:
    """A leaf, or a list of leaves, as one would write it; nothing for null."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(leaf_text, value)))
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
