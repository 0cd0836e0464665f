"""What a zip file declares, checked before any of it is unpacked."""

import zipfile
from typing import BinaryIO

from headrace.model.errors import DocumentError
from headrace.pipeline.source import Limits

IS_ENCRYPTED = 0x1
# An OLE compound file, as Word before 2007 wrote it, and Word still does around an encrypted document.
OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def check_archive(file: BinaryIO, limits: Limits, name: str) -> None:
    """Raise DocumentError for a bomb, a locked or a damaged archive; leaves the file at its beginning.

    The zip module stops at a member's declared size, so that a lying header cannot unpack more.
    """
    if file.read(8) == OLE_MARK:
        raise locked(name)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise damaged(name) from error
    file.seek(0)
    if any(member.flag_bits & IS_ENCRYPTED for member in members):
        raise locked(name)
    check_sizes(members, limits, name)


def check_sizes(members: list[zipfile.ZipInfo], limits: Limits, name: str) -> None:
    """Refuse too many members, too much in them, or more than honest compression gives."""
    packed, unpacked = sum(member.compress_size for member in members), sum(member.file_size for member in members)
    if len(members) > limits.max_members:
        raise DocumentError("too_large", f"the {name} has {len(members)} parts and the limit is {limits.max_members}")
    is_bomb = unpacked > limits.ratio_from_bytes and unpacked > limits.max_ratio * packed
    if is_bomb or unpacked > limits.max_unpacked_bytes:
        detail = (
            f"the {name} would unpack to {unpacked} bytes, which is more than is allowed; split it into smaller files"
        )
        raise DocumentError("too_large", detail)


def locked(name: str) -> DocumentError:
    """There is a password on it."""
    return DocumentError("encrypted", f"the {name} is protected by a password; remove the protection and send it again")


def damaged(name: str) -> DocumentError:
    """It is not what it claims to be, or only a part of it."""
    return DocumentError("corrupt", f"the {name} is damaged or cut off; save it again and send it again")
