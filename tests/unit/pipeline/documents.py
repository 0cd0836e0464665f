"""Real little documents, written by hand so that each byte is known."""

import io
import re
import zipfile
import zlib
from email.message import EmailMessage
from pathlib import Path

import xlsxwriter
from PIL import Image, ImageDraw, ImageFont
from pptx import Presentation
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI

from headrace.pipeline.sandbox import Source
from headrace.pipeline.sniff import sniff

CONTENT_TYPES = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/word/document.xml" ContentType=
"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>
<Override PartName="/word/styles.xml" ContentType=
"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/>
<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>
</Types>"""
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = f"""<?xml version="1.0"?><Relationships xmlns="{PACKAGE}/relationships">
<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="word/document.xml"/>
<Relationship Id="r2" Type="{PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/>
</Relationships>"""
DOCUMENT_RELATIONS = f"""<?xml version="1.0"?><Relationships xmlns="{PACKAGE}/relationships">
<Relationship Id="r1" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>"""
DRAWING = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    ' xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
)
DIAGRAM = f"""<dgm:dataModel {DRAWING}><dgm:ptLst>
<dgm:pt><dgm:t><a:p><a:r><a:t>Dig the race</a:t></a:r></a:p></dgm:t></dgm:pt><dgm:pt type="parTrans"/>
<dgm:pt><dgm:t><a:p><a:r><a:t>Hang the wheel</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst></dgm:dataModel>"""
CHART = f"""<c:chartSpace {DRAWING}><c:chart><c:title>
<c:tx><c:rich><a:p><a:r><a:t>Flow</a:t></a:r></a:p></c:rich></c:tx></c:title><c:tx><c:v>Litres</c:v></c:tx><c:val><c:v>7</c:v></c:val></c:chart></c:chartSpace>"""
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
STYLES = f"""<?xml version="1.0"?><w:styles {WORD}>
<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="kapitel"><w:name w:val="Kapitel"/><w:basedOn w:val="berschrift1"/></w:style>
<w:style w:type="paragraph" w:styleId="lead"><w:name w:val="Lead"/><w:basedOn w:val="berschrift1"/>
<w:pPr><w:outlineLvl w:val="9"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="teil"><w:name w:val="Teil"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>
</w:styles>"""
CORE = f"""<?xml version="1.0"?><cp:coreProperties xmlns:cp="{PACKAGE}/metadata/core-properties"
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>The Mill</dc:title><dc:creator>Ada</dc:creator>
<dcterms:created xsi:type="dcterms:W3CDTF">2024-05-06T07:08:09Z</dcterms:created></cp:coreProperties>"""


def paragraph(text: str, *, is_heading: bool = False, style: str = "berschrift1") -> str:
    style = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if is_heading else ""
    return f"<w:p>{style}<w:r><w:t>{text}</w:t></w:r></w:p>"


def table(rows: list[list[str]]) -> str:
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def docx(body: str, *, relations: str = "", **beside: str) -> bytes:
    """A Word document with this WordprocessingML within its body, and these relations besides its own.

    It refers, as "r" and the name, to each part of `beside`, such as `footnotes`.
    """
    for name in beside:
        kind = name.rstrip("0123456789")
        relations += f'<Relationship Id="r{name}" Type="{OFFICE}/{kind}" Target="{name}.xml"/>'
    members = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": RELATIONS,
        "word/document.xml": f'<?xml version="1.0"?><w:document {WORD}><w:body>{body}</w:body></w:document>',
        "word/_rels/document.xml.rels": DOCUMENT_RELATIONS.replace("</Rel", f"{relations}</Rel"),
        "word/styles.xml": STYLES,
        "docProps/core.xml": CORE,
    }
    return zipped(members | {f"word/{name}.xml": content for name, content in beside.items()})


def zipped(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)  # without the time of this moment
    return buffer.getvalue()


def retyped(package: bytes, kind: str) -> bytes:
    """An Office file whose main part is of another kind, as in templates, in shows, and with macros."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    types = members["[Content_Types].xml"].decode()
    main = re.compile(r"application/vnd\.openxmlformats-officedocument\.\w+ml\.(document|presentation)\.main\+xml")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (members | {"[Content_Types].xml": main.sub(kind, types).encode()}).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def strict(package: bytes) -> bytes:
    """An Office file as "Strict Open XML", with the namespaces of ISO/IEC 29500-1."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(("xml", "rels"))}
    known = re.compile(r"http://schemas\.openxmlformats\.org/(\w+ml|officeDocument)/2006/(\w+)")
    return zipped({name: known.sub(r"http://purl.oclc.org/ooxml/\1/\2", text) for name, text in members.items()})


def slides(*texts: tuple[str, str], **beside: str) -> bytes:
    """A presentation with a title and a text on each slide; the first has a note, and refers to the parts `beside`."""
    presentation = Presentation()
    for title, text in texts:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = title, text
    presentation.slides[0].notes_slide.notes_text_frame.text = "say hello"
    for name, content in beside.items():
        part = Part(PackURI(f"/ppt/{name}.xml"), "application/xml", presentation.part.package, content.encode())
        presentation.slides[0].part.relate_to(part, f"{OFFICE}/{name}")
    presentation.core_properties.author = "Ada"
    buffer = io.BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def workbook(**sheets: list[list[object]]) -> bytes:
    """An XLSX file with these rows on its sheets."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        book.set_properties({"title": "Gauges", "author": "Grace"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return buffer.getvalue()


CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>"""


def epub(*chapters: str, title: str = "The Race", about: str = "", spine: str = "") -> bytes:
    """A book whose chapters are these bodies; `about` and `spine` are added to what says so."""
    items = "".join(f'<item id="c{number}" href="c%20{number}.xhtml"/>' for number in range(len(chapters)))
    spine = spine + "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    creators = "<dc:creator>Ada</dc:creator><dc:creator>Grace</dc:creator>"
    about = f"<metadata><dc:title>{title}</dc:title>{creators}{about}</metadata>"
    package = f"{about}<manifest>{items}</manifest><spine>{spine}</spine>"
    names = 'xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    members = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
    members["OEBPS/book.opf"] = f"<package {names}>{package}</package>"
    for number, body in enumerate(chapters):
        members[f"OEBPS/c {number}.xhtml"] = (
            f"<?xml version='1.0'?><html><head><title/></head><body>{body}</body></html>"
        )
    return zipped(members)


def mail(text: str, attachments: dict[str, bytes] | None = None, *, page: str | None = None) -> bytes:
    """A mail, with its text as HTML too if `page` is given."""
    message = EmailMessage()
    message["From"], message["To"] = "Ada <ada@example.org>", "grace@example.org"
    message["Subject"], message["Date"] = "The größte wheel", "Mon, 06 May 2024 07:08:09 +0200"
    message.set_content(text)
    if page is not None:
        message.add_alternative(page, subtype="html")
    for name, content in (attachments or {}).items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return bytes(message)


RICH = (
    rb"{\rtf1\ansi\ansicpg1252{\info{\title The Weir}{\author Ada}{\creatim\yr2024\mo5\dy6\hr7\min8}}"
    rb"{\fonttbl\f0 Arial;}\f0 Water \b falls\b0 .\par Gr\'fc\'dfe \u8364?.}"
)


def image(*lines: str, kind: str = "PNG", frames: int = 1) -> bytes:
    """A picture of some lines of text."""
    drawn = Image.new("L", (1400, 120 + 120 * len(lines)), 255)
    pen = ImageDraw.Draw(drawn)
    for number, line in enumerate(lines):
        pen.text((60, 60 + 120 * number), line, font=ImageFont.load_default(56), fill=0)
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": [drawn] * (frames - 1)} if frames > 1 else {}
    (drawn.convert("RGB") if kind in {"PDF", "JPEG"} else drawn).save(buffer, kind, **more)
    return buffer.getvalue()


def pdf(pages: list[str], *, encrypt: bool = False, title: str = "The Weir", catalog: str = "") -> bytes:
    """A PDF with one line of text a page, and what else its catalog says."""
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for index, text in enumerate(pages):
        content = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
        resources = "/Resources<</Font<</F1 3 0 R>>>>/MediaBox[0 0 612 792]"
        objects.append(f"<</Type/Page/Parent 2 0 R{resources}/Contents {5 + 2 * index} 0 R>>")
        objects.append(f"<</Length {len(content)}>>stream\n{content}\nendstream")
    objects.append(f"<</Title({title})/Author(Grace)/CreationDate(D:20240506070809+02'00')>>")
    if encrypt:
        secret = "00" * 32
        objects.append(f"<</Filter/Standard/V 1/R 2/O<{secret}>/U<{secret}>/P -4>>")
    return assembled(objects, encrypt=encrypt)


def scans(*pages: str | tuple[str, ...]) -> bytes:
    """A PDF of pages with a line of text, and of pages that are pictures of lines."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for page in pages:
        number = len(objects) + 1
        kids.append(f"{number} 0 R")
        content = f"BT /F1 12 Tf 72 700 Td ({page}) Tj ET" if isinstance(page, str) else "580 0 0 150 16 600 cm /Im Do"
        used = "/Font<</F1 3 0 R>>" if isinstance(page, str) else f"/XObject<</Im {number + 2} 0 R>>"
        resources = f"/Resources<<{used}>>/MediaBox[0 0 612 792]"
        objects.append(f"<</Type/Page/Parent 2 0 R{resources}/Contents {number + 1} 0 R>>")
        objects.append(f"<</Length {len(content)}>>stream\n{content}\nendstream")
        if not isinstance(page, str):
            objects.append(_picture(Image.open(io.BytesIO(image(*page)))))
    objects[1] = f"<</Type/Pages/Kids[{' '.join(kids)}]/Count {len(kids)}>>"
    objects.append("<</Title(The Scans)>>")
    return assembled(objects, encrypt=False)


def stamped(lines: tuple[str, ...], *, stamp: str, x: int, y: int, mode: int = 0, share: float = 1.0) -> bytes:
    """A PDF of one page: a form with a picture of lines, over that share of its height, and text in that mode on it.

    The page says no more than `stamp`, at (x, y) of 612 x 792 points, (0, 0) being at the bottom left.
    """
    drawn = Image.open(io.BytesIO(image(*lines, *[""] * 12)))
    content = f"q 612 0 0 {792 * share} 0 0 cm /Fm Do Q BT {mode} Tr /F1 9 Tf {x} {y} Td ({stamp}) Tj ET"
    used = "/Resources<</Font<</F1 3 0 R>>/XObject<</Fm 7 0 R>>>>/MediaBox[0 0 612 792]"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[4 0 R]/Count 1>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        f"<</Type/Page/Parent 2 0 R{used}/Contents 5 0 R>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        _picture(drawn),
        "<</Subtype/Form/BBox[0 0 1 1]/Resources<</XObject<</Im 6 0 R>>>>/Length 6>>stream\n/Im Do\nendstream",
        "<</Title(The Scan)>>",
    ]
    return assembled(objects, encrypt=False)


def annotated(text: str, *annotations: str) -> bytes:
    """A PDF of one page with these annotations, some of them the fields of a form: those with a name, /T."""
    names = [f"{6 + index} 0 R" for index in range(len(annotations))]
    fields = " ".join(name for name, one in zip(names, annotations, strict=True) if "/T(" in one)
    content = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
    resources = "/Resources<</Font<</F1 3 0 R>>>>/MediaBox[0 0 612 792]"
    objects = [
        f"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[{fields}]>>>>",
        "<</Type/Pages/Kids[4 0 R]/Count 1>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        f"<</Type/Page/Parent 2 0 R{resources}/Contents 5 0 R/Annots[{' '.join(names)}]>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        *(f"<</Type/Annot/Rect[72 600 200 620]{one}>>" for one in annotations),
        "<</Title(The Form)>>",
    ]
    return assembled(objects, encrypt=False)


def _picture(drawn: Image.Image) -> str:
    data = zlib.compress(drawn.tobytes()).hex() + ">"
    kind = f"/Type/XObject/Subtype/Image/Width {drawn.width}/Height {drawn.height}/ColorSpace/DeviceGray"
    filters = "/BitsPerComponent 8/Filter[/ASCIIHexDecode/FlateDecode]"
    return f"<<{kind}{filters}/Length {len(data)}>>stream\n{data}\nendstream"


def assembled(objects: list[str], *, encrypt: bool) -> bytes:
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    info = len(objects) - 1 if encrypt else len(objects)
    lock = f"/Encrypt {len(objects)} 0 R/ID[<{'ab' * 16}><{'ab' * 16}>]" if encrypt else ""
    out += f"trailer<</Size {len(objects) + 1}/Root 1 0 R/Info {info} 0 R{lock}>>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def saved(folder: Path, filename: str, content: bytes, content_type: str | None = None) -> Source:
    """The document as a file, with the type that its content has."""
    path = folder / filename
    path.write_bytes(content)
    return Source(path=path, size=len(content), content_type=content_type or sniff(path, filename), filename=filename)
