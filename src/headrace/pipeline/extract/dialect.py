"""Office files come in two dialects of one standard, which differ in the names of their namespaces above all.

Libraries know the transitional one, which nearly all files are in; "Strict Open XML" of Word and Excel is the other.
"""

import io
import re
import zipfile
from typing import BinaryIO

from headrace.pipeline.extract.archive import damaged

# ISO/IEC 29500-1 and -4, annex A.
STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/\2"
RELATIONS, WRITTEN = "_rels/.rels", (".xml", ".rels")


def transitional(file: BinaryIO, name: str) -> BinaryIO:
    """The file itself, or, where it is in the strict dialect, what it is in the other; that is in memory, unpacked.

    Raises DocumentError `corrupt`.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            is_strict = RELATIONS in archive.namelist() and STRICT.search(archive.read(RELATIONS))
            return translated(archive) if is_strict else file
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError) as error:
        raise damaged(name) from error
    finally:
        file.seek(0)


def translated(archive: zipfile.ZipFile) -> BinaryIO:
    """All members, with the names of namespaces changed in those that are XML."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as other:
        for member in archive.namelist():
            content = archive.read(member)
            other.writestr(member, STRICT.sub(TRANSITIONAL, content) if member.endswith(WRITTEN) else content)
    buffer.seek(0)
    return buffer
