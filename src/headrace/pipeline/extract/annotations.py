"""What was written onto the pages of a PDF: the values of form fields, notes, comments.

The text of a page is that of its content alone; these lie upon it. Not read: stamps that say nothing in words.
"""

import ctypes
import re
from collections.abc import Callable, Iterator
from typing import Any

import pypdfium2
from pypdfium2 import raw as pdfium

# ISO 32000-1, 12.5.6.2, markup annotations; what others say, such as links, stands on the page already.
REMARKS = {
    pdfium.FPDF_ANNOT_CARET,
    pdfium.FPDF_ANNOT_CIRCLE,
    pdfium.FPDF_ANNOT_FILEATTACHMENT,
    pdfium.FPDF_ANNOT_FREETEXT,
    pdfium.FPDF_ANNOT_HIGHLIGHT,
    pdfium.FPDF_ANNOT_INK,
    pdfium.FPDF_ANNOT_LINE,
    pdfium.FPDF_ANNOT_POLYGON,
    pdfium.FPDF_ANNOT_POLYLINE,
    pdfium.FPDF_ANNOT_SQUARE,
    pdfium.FPDF_ANNOT_SQUIGGLY,
    pdfium.FPDF_ANNOT_STAMP,
    pdfium.FPDF_ANNOT_STRIKEOUT,
    pdfium.FPDF_ANNOT_TEXT,
    pdfium.FPDF_ANNOT_UNDERLINE,
}
WRITTEN = {pdfium.FPDF_ANNOT_WIDGET, *REMARKS}
CHOSEN = {pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX}
TICKED = {pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON}
# The way down to a field, and the numbers that programs give to each step of it: form1[0].page1[0].Street[0]
PATH = re.compile(r".*\.|\[\d+\]")


def written_on(page: pypdfium2.PdfPage, text: str) -> list[str]:
    """The fields that are filled as "name: value", and the remarks that are not in the page's text; each once.

    Fields are known only where the document's forms were initialized before the page was loaded.
    """
    known = " ".join(text.split())
    found: dict[str, None] = {}
    for kind, annotation in annotations(page):
        if kind != pdfium.FPDF_ANNOT_WIDGET:
            remark = told(pdfium.FPDFAnnot_GetStringValue, annotation, b"Contents").strip()
            if " ".join(remark.split()) not in known:
                found[remark] = None
        elif page.formenv is not None:
            found[field_line(page.formenv, annotation)] = None
    found.pop("", None)
    return list(found)


def annotations(page: pypdfium2.PdfPage) -> Iterator[tuple[int, Any]]:
    """Fields and remarks that a reader sees, in their order, each with its kind. A page may have thousands of links."""
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        kind = pdfium.FPDFAnnot_GetSubtype(annotation)
        if kind in WRITTEN and not pdfium.FPDFAnnot_GetFlags(annotation) & pdfium.FPDF_ANNOT_FLAG_HIDDEN:
            yield kind, annotation
        pdfium.FPDFPage_CloseAnnot(annotation)


def field_line(forms: pypdfium2.PdfFormEnv, field: Any) -> str:
    """What a form field says; nothing where it is empty, a box that is not ticked, a button or a password."""
    value = field_value(forms, field).strip()
    hint = told(pdfium.FPDFAnnot_GetFormFieldAlternateName, forms, field)
    name = hint or PATH.sub("", told(pdfium.FPDFAnnot_GetFormFieldName, forms, field))
    return f"{' '.join(name.split())}: {value}" if value else ""


def field_value(forms: pypdfium2.PdfFormEnv, field: Any) -> str:
    """What was typed, ticked or chosen; of a choice, the words that were chosen from."""
    kind = pdfium.FPDFAnnot_GetFormFieldType(forms, field)
    if kind in CHOSEN:
        options = range(pdfium.FPDFAnnot_GetOptionCount(forms, field))
        chosen = [index for index in options if pdfium.FPDFAnnot_IsOptionSelected(forms, field, index)]
        if chosen:
            return ", ".join(told(pdfium.FPDFAnnot_GetOptionLabel, forms, field, index) for index in chosen)
    is_password = (
        kind == pdfium.FPDF_FORMFIELD_TEXTFIELD
        and pdfium.FPDFAnnot_GetFormFieldFlags(forms, field) & pdfium.FPDF_FORMFLAG_TEXT_PASSWORD
    )
    is_ticked = kind in TICKED and pdfium.FPDFAnnot_IsChecked(forms, field)
    is_typed = kind in {pdfium.FPDF_FORMFIELD_TEXTFIELD, *CHOSEN} and not is_password
    return told(pdfium.FPDFAnnot_GetFormFieldValue, forms, field) if is_ticked or is_typed else ""


def told(ask: Callable[..., int], *about: Any) -> str:
    """A string of pdfium's, which wants to be asked for its size first; that is in bytes, a last NUL included."""
    size = ask(*about, None, 0)
    buffer = ctypes.create_string_buffer(size)
    ask(*about, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0").replace("\r\n", "\n").replace("\r", "\n")
