"""Pictures (PNG, JPEG, TIFF) by Pillow: nothing but what text recognition finds in them, one part a frame."""

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from PIL import ExifTags, Image, ImageOps, ImageSequence, UnidentifiedImageError

from headrace.model.errors import DocumentError
from headrace.pipeline.extract.archive import damaged
from headrace.pipeline.extract.parts import Parsed, Part
from headrace.pipeline.source import Limits, Outline, Picture

NAME = "picture"
FORMATS = ("PNG", "JPEG", "TIFF")
# Letters on a screen are half as high as recognition likes them.
SMALL_SIDE = 1_500


def extract(file: BinaryIO, limits: Limits) -> Parsed:
    """One frame is in memory at a time; a TIFF of several is a document of so many pages."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked for each frame
    try:
        image = Image.open(file, formats=FORMATS)
        check_size(image, limits)
        count = getattr(image, "n_frames", 1)
    except UnidentifiedImageError as error:
        raise damaged(NAME) from error
    if count > limits.max_pages:
        raise DocumentError("too_large", f"the {NAME} has {count} frames and the limit is {limits.max_pages}")
    pages = count if count > 1 else None
    return Parsed(
        outline=Outline(page_count=pages, metadata=metadata_of(image)), parts=read_parts(image, count, limits)
    )


def check_size(frame: Image.Image, limits: Limits) -> None:
    """Refuse what would take too much memory, before it is decoded: even a look at its metadata may do that."""
    if frame.width * frame.height > limits.max_pixels:
        size = f"{frame.width} x {frame.height}"
        detail = f"the {NAME} is {size} and the limit is {limits.max_pixels} pixels; make it smaller"
        raise DocumentError("too_large", detail)


def metadata_of(image: Image.Image) -> dict[str, str]:
    """Its size, and what the camera or scanner wrote."""
    metadata = {"width": str(image.width), "height": str(image.height)}
    fields = {ExifTags.Base.Artist: "author", ExifTags.Base.DateTime: "created_at"}
    try:
        found = image.getexif()
    except (SyntaxError, ValueError, KeyError, TypeError, OSError):
        return metadata
    named = {name: str(found[tag]).strip("\0 ") for tag, name in fields.items() if found.get(tag)}
    return metadata | {name: value for name, value in named.items() if value}


def read_parts(image: Image.Image, count: int, limits: Limits) -> Iterator[Part]:
    """One part a frame, from 1."""
    for number, frame in enumerate(ImageSequence.Iterator(image), 1):
        check_size(frame, limits)
        page = number if count > 1 else None
        yield Part(text="", fraction=number / count, page=page, picture=partial(drawn, frame, limits))


def drawn(frame: Image.Image, limits: Limits) -> Picture:
    """The frame upright and grey, on white, and doubled where it is small."""
    upright = ImageOps.exif_transpose(frame)
    if upright.mode in {"RGBA", "LA", "P", "PA"}:
        colored = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", colored.size, "white"), colored)
    grey = upright.convert("L")
    if max(grey.size) < SMALL_SIDE and 4 * grey.width * grey.height <= limits.max_pixels:
        grey = grey.resize((2 * grey.width, 2 * grey.height), Image.Resampling.BICUBIC)
    return Picture(width=grey.width, height=grey.height, pixels=grey.tobytes())
