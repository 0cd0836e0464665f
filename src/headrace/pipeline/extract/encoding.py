"""Which encoding a text is in: its byte order mark, then UTF-8, then the likeliest from a bounded sample.

A few bytes that are wrong leave UTF-8 what it is: whatever else they could be, the rest would be wrong.
"""

import codecs
import io
import re
from typing import BinaryIO

from headrace.pipeline.extract.legacy import likeliest

BLOCK_BYTES = 65_536
SAMPLE_BYTES = 8_192
LAST_RESORT = "cp1252"
RIGHT_FOR_EACH_WRONG = 4
"""Characters beyond ASCII, in a text that is UTF-8 but for some bytes."""

SHIFTS = (b"\x1b$B", b"\x1b$@")
"""How ISO-2022-JP, whose bytes are all ASCII, says that Japanese follows."""

DECLARED = re.compile(rb"<\?xml\s[^>]{0,200}?\bencoding\s*=\s*[\"']([\w.:-]{2,40})")
"""What an XML file says."""
MEANT = {
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "us-ascii", "ascii"), "cp1252"),
    **dict.fromkeys(("iso-8859-9", "latin5"), "cp1254"),
    **dict.fromkeys(("iso-8859-11", "tis-620"), "cp874"),
    **dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e", "logical", "visual"), "iso8859_8"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk"), "gb18030"),
    **dict.fromkeys(("big5", "x-x-big5"), "big5hkscs"),
    **dict.fromkeys(("shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks-c-5601-1987", "ksc5601"), "cp949"),
    "macintosh": "mac_roman",
    "x-mac-roman": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
}
"""By what is declared; where Python knows no such encoding, or takes it more narrowly than those who write it."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the other's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def open_text(file: BinaryIO) -> io.TextIOWrapper:
    """Decode the file as it is read; newlines are kept, undecodable bytes become U+FFFD."""
    return io.TextIOWrapper(file, encoding=encoding_of(file), errors="replace", newline="")


def encoding_of(file: BinaryIO) -> str:
    """The name of a codec for the whole file; leaves the file at its beginning."""
    prefix = file.read(BLOCK_BYTES)
    file.seek(0)
    wide = marked(prefix) or unmarked_wide(prefix)
    if wide:
        return wide
    if any(shift in prefix for shift in SHIFTS) and decodes(prefix, "iso2022_jp_ext"):
        return "iso2022_jp_ext"
    position = first_invalid(file)
    if position is None:
        return "utf-8"
    file.seek(max(0, position - SAMPLE_BYTES // 2))
    sample = file.read(SAMPLE_BYTES)
    file.seek(0)
    if is_mostly_utf8(prefix + sample):
        return "utf-8"
    declared = DECLARED.match(prefix)
    return (declared and held(declared[1].decode(), sample)) or likeliest(sample) or LAST_RESORT


def marked(prefix: bytes) -> str | None:
    """The encoding that a byte order mark announces."""
    return next((name for mark, name in MARKS if prefix.startswith(mark)), None)


def unmarked_wide(prefix: bytes) -> str | None:
    """UTF-16 without a mark shows by its NULs, which stand on one side of nearly every pair of bytes."""
    pairs = len(prefix) // 2
    if not pairs or b"\x00" not in prefix:
        return None
    even, odd = prefix[0 : 2 * pairs : 2].count(0), prefix[1 : 2 * pairs : 2].count(0)
    for name, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if high > pairs * 0.7 and low < pairs * 0.01 and decodes(prefix[: 2 * pairs], name):
            return name
    return None


def decodes(prefix: bytes, encoding: str) -> bool:
    """Whether the bytes, which may end within a character, are valid in this encoding."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(prefix)
    except UnicodeDecodeError:
        return False
    return True


def is_mostly_utf8(sample: bytes) -> bool:
    """Whether far more of the characters beyond ASCII are UTF-8 than are not, which no other encoding looks like."""
    text = sample.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    right = len(text) - wrong - sum(map(str.isascii, text))
    return right >= wrong * RIGHT_FOR_EACH_WRONG


def meant_by(name: str) -> str:
    """The encoding that a declared one stands for: whoever says Latin-1 means its superset, says the WHATWG standard.

    Source: https://encoding.spec.whatwg.org/#names-and-labels
    """
    return MEANT.get(name.lower().replace("_", "-"), name)


def held(name: str, sample: bytes) -> str | None:
    """The encoding that a page or an XML file says, in ASCII, that it is in; None where that cannot be so."""
    meant = meant_by(name)
    try:
        is_possible = b"<a>".decode(meant) == "<a>" and decodes(sample, meant)
    except (LookupError, UnicodeError):
        return None
    return meant if is_possible else None


def first_invalid(file: BinaryIO) -> int | None:
    """Where the file stops being UTF-8, about; None if it nowhere does."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    position = 0
    while block := file.read(BLOCK_BYTES):
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            return position + error.start
        position += len(block)
    file.seek(0)
    return position if decoder.getstate()[0] else None
