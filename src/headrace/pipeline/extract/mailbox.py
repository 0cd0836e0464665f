"""Mailboxes (mbox): the mails one after another, each read as one by itself.

Source: RFC 4155; a line "From ..." within a mail is quoted by ">", as most programs write it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from itertools import pairwise
from typing import BinaryIO

from headrace.pipeline.extract.mail import Reader, header, metadata_of
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.extract.window import size_of
from headrace.pipeline.source import Limits, Outline

BEGINNING = re.compile(rb"From \S.*[0-9]{1,2}:[0-9]{2}")
QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """One mail is in memory at a time. A mailbox of one mail is called as that mail is."""
    places = [*beginnings(file), size_of(file)]
    warnings: list[str] = []
    links: list[str] = []
    outline = Outline()
    if len(places) == 2:  # where it begins and ends
        only = mail_at(file, *places)
        outline = Outline(title=header(only, "Subject") or None, metadata=metadata_of(only))

    def parts() -> Iterator[Part]:
        for start, end in pairwise(places):
            for part in Reader(limits, warnings, links).read(mail_at(file, start, end), fraction=end / places[-1]):
                yield replace(part, fraction=max(part.fraction, start / places[-1]))

    return Parsed(outline=outline, parts=parts(), warnings=warnings, links=links)


def beginnings(file: BinaryIO) -> Iterator[int]:
    """Where each mail begins: after a blank line, or at the beginning."""
    place, is_after_blank = 0, True
    for line in file:
        if is_after_blank and BEGINNING.match(line):
            yield place
        place += len(line)
        is_after_blank = not line.strip()


def mail_at(file: BinaryIO, start: int, end: int) -> EmailMessage:
    """The mail between two places, without the line that says that it begins."""
    file.seek(start)
    file.readline()
    data = file.read(end - file.tell())
    return BytesParser(policy=policy.default).parsebytes(QUOTED.sub(rb"\1", data))
