"""What was written onto the pages of a PDF: the values of form fields, notes, comments.

The text of a page is that of its content alone; these lie upon it. Not read: stamps that say nothing in words.
"""

import ctypes
import re
from collections.abc import Callable, Iterator
from typing import Any

import pypdfium2
from pypdfium2.raw import (
    FPDF_ANNOT_CARET,
    FPDF_ANNOT_CIRCLE,
    FPDF_ANNOT_FILEATTACHMENT,
    FPDF_ANNOT_FLAG_HIDDEN,
    FPDF_ANNOT_FREETEXT,
    FPDF_ANNOT_HIGHLIGHT,
    FPDF_ANNOT_INK,
    FPDF_ANNOT_LINE,
    FPDF_ANNOT_POLYGON,
    FPDF_ANNOT_POLYLINE,
    FPDF_ANNOT_SQUARE,
    FPDF_ANNOT_SQUIGGLY,
    FPDF_ANNOT_STAMP,
    FPDF_ANNOT_STRIKEOUT,
    FPDF_ANNOT_TEXT,
    FPDF_ANNOT_UNDERLINE,
    FPDF_ANNOT_WIDGET,
    FPDF_FORMFIELD_CHECKBOX,
    FPDF_FORMFIELD_COMBOBOX,
    FPDF_FORMFIELD_LISTBOX,
    FPDF_FORMFIELD_RADIOBUTTON,
    FPDF_FORMFIELD_TEXTFIELD,
    FPDF_FORMFLAG_TEXT_PASSWORD,
    FPDF_WCHAR,
    FPDFAnnot_GetFlags,
    FPDFAnnot_GetFormFieldAlternateName,
    FPDFAnnot_GetFormFieldFlags,
    FPDFAnnot_GetFormFieldName,
    FPDFAnnot_GetFormFieldType,
    FPDFAnnot_GetFormFieldValue,
    FPDFAnnot_GetOptionCount,
    FPDFAnnot_GetOptionLabel,
    FPDFAnnot_GetStringValue,
    FPDFAnnot_GetSubtype,
    FPDFAnnot_IsChecked,
    FPDFAnnot_IsOptionSelected,
    FPDFPage_CloseAnnot,
    FPDFPage_GetAnnot,
    FPDFPage_GetAnnotCount,
)

# ISO 32000-1, 12.5.6.2, markup annotations; what others say, such as links, stands on the page already.
REMARKS = {
    FPDF_ANNOT_CARET,
    FPDF_ANNOT_CIRCLE,
    FPDF_ANNOT_FILEATTACHMENT,
    FPDF_ANNOT_FREETEXT,
    FPDF_ANNOT_HIGHLIGHT,
    FPDF_ANNOT_INK,
    FPDF_ANNOT_LINE,
    FPDF_ANNOT_POLYGON,
    FPDF_ANNOT_POLYLINE,
    FPDF_ANNOT_SQUARE,
    FPDF_ANNOT_SQUIGGLY,
    FPDF_ANNOT_STAMP,
    FPDF_ANNOT_STRIKEOUT,
    FPDF_ANNOT_TEXT,
    FPDF_ANNOT_UNDERLINE,
}
WRITTEN = {FPDF_ANNOT_WIDGET, *REMARKS}
CHOSEN = {FPDF_FORMFIELD_COMBOBOX, FPDF_FORMFIELD_LISTBOX}
TICKED = {FPDF_FORMFIELD_CHECKBOX, FPDF_FORMFIELD_RADIOBUTTON}
# The way down to a field, and the numbers that programs give to each step of it: form1[0].page1[0].Street[0]
PATH = re.compile(r".*\.|\[\d+\]")


def written_on(page: pypdfium2.PdfPage, text: str) -> list[str]:
    """The fields that are filled as "name: value", and the remarks that are not in the page's text; each once.

    Fields are known only where the document's forms were initialized before the page was loaded.
    """
    known = " ".join(text.split())
    found: dict[str, None] = {}
    for kind, annotation in annotations(page):
        if kind != FPDF_ANNOT_WIDGET:
            remark = told(FPDFAnnot_GetStringValue, annotation, b"Contents").strip()
            if " ".join(remark.split()) not in known:
                found[remark] = None
        elif page.formenv is not None:
            found[field_line(page.formenv, annotation)] = None
    found.pop("", None)
    return list(found)


def annotations(page: pypdfium2.PdfPage) -> Iterator[tuple[int, Any]]:
    """Fields and remarks that a reader sees, in their order, each with its kind. A page may have thousands of links."""
    for index in range(FPDFPage_GetAnnotCount(page)):
        annotation = FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        kind = FPDFAnnot_GetSubtype(annotation)
        if kind in WRITTEN and not FPDFAnnot_GetFlags(annotation) & FPDF_ANNOT_FLAG_HIDDEN:
            yield kind, annotation
        FPDFPage_CloseAnnot(annotation)


def field_line(forms: pypdfium2.PdfFormEnv, field: Any) -> str:
    """What a form field says; nothing where it is empty, a box that is not ticked, a button or a password."""
    value = field_value(forms, field).strip()
    hint = told(FPDFAnnot_GetFormFieldAlternateName, forms, field)
    name = hint or PATH.sub("", told(FPDFAnnot_GetFormFieldName, forms, field))
    return f"{' '.join(name.split())}: {value}" if value else ""


def field_value(forms: pypdfium2.PdfFormEnv, field: Any) -> str:
    """What was typed, ticked or chosen; of a choice, the words that were chosen from."""
    kind = FPDFAnnot_GetFormFieldType(forms, field)
    if kind in CHOSEN:
        options = range(FPDFAnnot_GetOptionCount(forms, field))
        chosen = [index for index in options if FPDFAnnot_IsOptionSelected(forms, field, index)]
        if chosen:
            return ", ".join(told(FPDFAnnot_GetOptionLabel, forms, field, index) for index in chosen)
    is_password = (
        kind == FPDF_FORMFIELD_TEXTFIELD and FPDFAnnot_GetFormFieldFlags(forms, field) & FPDF_FORMFLAG_TEXT_PASSWORD
    )
    is_ticked = kind in TICKED and FPDFAnnot_IsChecked(forms, field)
    is_typed = kind in {FPDF_FORMFIELD_TEXTFIELD, *CHOSEN} and not is_password
    return told(FPDFAnnot_GetFormFieldValue, forms, field) if is_ticked or is_typed else ""


def told(ask: Callable[..., int], *about: Any) -> str:
    """A string of pdfium's, which wants to be asked for its size first; that is in bytes, a last NUL included."""
    size = ask(*about, None, 0)
    buffer = ctypes.create_string_buffer(size)
    ask(*about, ctypes.cast(buffer, ctypes.POINTER(FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0").replace("\r\n", "\n").replace("\r", "\n")
