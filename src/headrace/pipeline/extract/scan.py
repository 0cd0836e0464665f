"""Which pages of a PDF are pictures, and what such a page looks like."""

import pypdfium2
from pypdfium2.raw import (
    FPDF_PAGEOBJ_IMAGE,
    FPDF_PAGEOBJ_PATH,
    FPDF_PAGEOBJ_TEXT,
    FPDF_TEXTRENDERMODE_INVISIBLE,
    FPDFPageObj_SetIsActive,
    FPDFTextObj_GetTextRenderMode,
)

from headrace.pipeline.extract.parts import Unrecognized
from headrace.pipeline.source import Limits, Picture

VISIBLE, FORM_DEPTH = (FPDF_PAGEOBJ_IMAGE, FPDF_PAGEOBJ_PATH), 3
RECOGNITION_DPI, POINTS_AN_INCH = 300, 72
# What machines and clerks put onto a scanned page: a line or two, along its edges.
MAX_STAMP_CHARACTERS, EDGE_SHARE, SCANNED_SHARE = 400, 0.125, 0.8


def is_scan(page: pypdfium2.PdfPage, content: pypdfium2.PdfTextPage, text: str) -> bool:
    """Whether a page that says `text` is a picture, but for what was stamped onto it.

    A page of a book with a picture on it says more, and a slide before a picture says it in the middle.
    """
    if not text.strip():
        return next(page.get_objects(filter=VISIBLE, max_depth=FORM_DEPTH), None) is not None
    return (
        len(text) <= MAX_STAMP_CHARACTERS
        and is_at_the_edges(page, content)
        and pictured_share(page) >= SCANNED_SHARE
        and not was_recognized(page)
    )


def is_at_the_edges(page: pypdfium2.PdfPage, content: pypdfium2.PdfTextPage) -> bool:
    """Whether the middle of the page says nothing."""
    left, bottom, right, top = page.get_bbox()
    aside, above = (right - left) * EDGE_SHARE, (top - bottom) * EDGE_SHARE
    return not content.get_text_bounded(left + aside, bottom + above, right - aside, top - above).strip()


def pictured_share(page: pypdfium2.PdfPage) -> float:
    """How much of the page is under pictures, 0.0 to 1.0 and beyond where they lie upon each other."""
    left, bottom, right, top = page.get_bbox()
    covered = 0.0
    for picture in page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=FORM_DEPTH):
        placed = picture
        while placed.container is not None:  # its bounds would be those within the form
            placed = placed.container
        x0, y0, x1, y1 = placed.get_bounds()
        covered += max(0.0, min(x1, right) - max(x0, left)) * max(0.0, min(y1, top) - max(y0, bottom))
    share: float = covered / max(1.0, (right - left) * (top - bottom))
    return share


def was_recognized(page: pypdfium2.PdfPage) -> bool:
    """Whether there is text that nobody sees: what another program read in the picture."""
    texts = page.get_objects(filter=[FPDF_PAGEOBJ_TEXT], max_depth=FORM_DEPTH)
    return any(FPDFTextObj_GetTextRenderMode(text) == FPDF_TEXTRENDERMODE_INVISIBLE for text in texts)


def drawn(document: pypdfium2.PdfDocument, index: int, limits: Limits, *, without_text: bool) -> Picture:
    """The page as it is printed, in grey; coarser where it would have more pixels than are allowed."""
    page = document[index]
    try:
        if without_text:
            hide_text(page)
        points = max(1.0, page.get_width() * page.get_height())
        scale = min(RECOGNITION_DPI / POINTS_AN_INCH, (limits.max_pixels / points) ** 0.5)
        bitmap = page.render(scale=scale, grayscale=True, draw_annots=False)
        whole, width, stride = bytes(bitmap.buffer), bitmap.width, bitmap.stride
        rows = (whole[start : start + width] for start in range(0, stride * bitmap.height, stride))
        picture = Picture(width=width, height=bitmap.height, pixels=b"".join(rows))
        bitmap.close()
    except pypdfium2.PdfiumError as error:
        raise Unrecognized("cannot be drawn") from error
    finally:
        page.close()
    return picture


def hide_text(page: pypdfium2.PdfPage) -> None:
    """What is known need not be recognized."""
    for text in page.get_objects(filter=[FPDF_PAGEOBJ_TEXT], max_depth=FORM_DEPTH):
        FPDFPageObj_SetIsActive(text, False)
