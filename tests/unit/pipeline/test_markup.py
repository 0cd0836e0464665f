"""XML: feeds, documents and records, as people look for what is in them; what is none; and what means harm."""

from itertools import pairwise
from pathlib import Path

import pytest

from headrace.model.document import Section
from headrace.model.errors import DocumentError
from tests.unit.pipeline.conftest import Read
from tests.unit.pipeline.documents import saved

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>River news</title><link>https://e.org/</link>
<pubDate>Mon, 06 Sep 2021 00:01:00 +0000</pubDate>
<item><title>The mill turns</title><link>https://e.org/mill</link><description>&lt;p&gt;The &lt;b&gt;headrace&lt;/b&gt;
is open.&lt;/p&gt;&lt;a href="https://e.org/deep"&gt;More&lt;/a&gt;</description></item>
<item><description>a &lt; b</description></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Weir</title><updated>2021-09-06T00:01:00Z</updated>
<author><name>Ada</name></author><entry><title>High water</title><link href="https://e.org/high"/>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>It <b>ris</b>es.</p><ul><li>one</li>
<li>two</li></ul></div></content></entry>
</feed>"""
GUIDE = b"""<?xml version="1.0"?><book xmlns="http://docbook.org/ns/docbook"><info><title>Guide</title><author>
<personname><firstname>Ada</firstname><surname>Mill</surname></personname></author><date>2020-05-01</date></info>
<chapter id="c"><title>Gates</title><para>Open the <emphasis>gate</emphasis>.</para><screen>$ open
  done</screen><section><title>Locks</title><informaltable><tgroup><tbody><row><entry>a</entry><entry>b</entry></row>
</tbody></tgroup></informaltable></section><para>Close it.</para></chapter></book>"""
ARTICLE = b"""<article><front><article-meta><title-group><article-title>Of rivers</article-title></title-group>
<contrib-group><contrib><name><surname>Mill</surname><given-names>Ada</given-names></name></contrib></contrib-group></article-meta>
</front><body><sec><title>Methods</title><p>We looked.</p></sec></body></article>"""
VERSE = b"""<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>Odes</title>
<author>Ada</author></titleStmt></fileDesc></teiHeader><text><body><div><head>One</head>
<l>Water falls</l><l>at night</l></div></body></text></TEI>"""
ORDERS = b"""<!DOCTYPE orders [<!ENTITY firm "Mill &amp; Sons">]><orders><order id="12"><customer>&firm;, Ulm</customer>
<total currency="EUR">12.50</total><note>Leave <b>at</b> the door</note></order><line sku="A1"/></orders>"""
LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha">'
LAUGHS += "".join(f'<!ENTITY {new} "{f"&{old};" * 60}">' for old, new in pairwise("abcde")) + "]><a>&e;</a>"


def told(sections: list[Section]) -> list[tuple[str | None, str]]:
    return [(section.heading, section.text) for section in sections]


def test_a_feed_is_its_entries_each_below_its_title(read: Read, tmp_path: Path) -> None:
    outline, sections = read(saved(tmp_path, "news.rss", FEED))

    assert told(sections) == [
        ("River news", "River news\n\nlink: https://e.org/\npubDate: Mon, 06 Sep 2021 00:01:00 +0000"),
        ("The mill turns", "The mill turns\n\nlink: https://e.org/mill\n\nThe headrace is open.\n\nMore"),
        (None, "a < b"),
    ]
    assert outline.title == "River news"
    assert outline.metadata == {
        "created_at": "2021-09-06",
        "links": ["https://e.org/", "https://e.org/mill", "https://e.org/deep"],
    }


def test_the_page_within_an_atom_entry_is_read_as_one(read: Read, tmp_path: Path) -> None:
    outline, sections = read(saved(tmp_path, "feed.atom", ATOM))

    assert told(sections)[1] == (
        "High water",
        "High water\n\nlink (href: https://e.org/high)\n\nIt rises.\n\none\n\ntwo",
    )
    assert (outline.title, outline.metadata["author"]) == ("Weir", "Ada")
    assert outline.metadata["links"] == ["https://e.org/high"]


def test_a_manual_is_cut_at_its_titles_and_goes_on_where_a_section_ends(read: Read, tmp_path: Path) -> None:
    outline, sections = read(saved(tmp_path, "guide.xml", GUIDE))

    assert told(sections)[1:] == [
        ("Gates", "Gates\n\nOpen the gate.\n\n$ open\n  done"),
        ("Locks", "Locks\n\na | b"),
        ("Gates", "Close it."),
    ]
    assert outline.title == "Guide"
    assert outline.metadata == {"author": "Ada Mill", "created_at": "2020-05-01"}


@pytest.mark.parametrize(
    ("content", "title", "author", "last"),
    [
        (ARTICLE, "Of rivers", "Mill Ada", ("Methods", "Methods\n\nWe looked.")),
        (VERSE, "Odes", "Ada", ("One", "One\n\nWater falls\n\nat night")),
    ],
)
def test_the_header_of_an_article_or_an_edition_is_the_document_s(
    read: Read, tmp_path: Path, content: bytes, title: str, author: str, last: tuple[str, str]
) -> None:
    outline, sections = read(saved(tmp_path, "a.xml", content))

    assert (outline.title, outline.metadata["author"]) == (title, author)
    assert told(sections)[-1] == last


def test_records_keep_the_names_of_what_they_say(read: Read, tmp_path: Path) -> None:
    _, (section,) = read(saved(tmp_path, "orders.xml", ORDERS))

    assert section.text == (
        "order (id: 12)\n\ncustomer: Mill & Sons, Ulm\ntotal (currency: EUR): 12.50\nnote: Leave at the door\n\n"
        "line (sku: A1)"
    )


def test_records_without_titles_are_parts_of_a_bearable_size_whose_offsets_go_on(read: Read, tmp_path: Path) -> None:
    rows = b"".join(b"<row><name>wheel %d</name></row>" % number for number in range(5_000))
    _, sections = read(saved(tmp_path, "rows.xml", b"<rows>" + rows + b"</rows>"))

    assert len(sections) > 1
    assert max(len(section.text) for section in sections) < 33_000
    assert [section.start for section in sections[1:]] == [one.start + len(one.text) + 2 for one in sections[:-1]]
    assert "\n\n".join(section.text for section in sections).split() == [
        word for number in range(5_000) for word in ("name:", "wheel", str(number))
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('<map><entry key="gate" value="open"/><entry key="weir">full</entry></map>', "entry (key: gate, value: open)"),
        ('<book isbn="978"><title>Odes</title></book>', "book (isbn: 978)"),
        ('<RDF xmlns="rdf"><Concept about="#weir"><label>Weir</label></Concept></RDF>', "Concept (about: #weir)"),
        ('<feed><entry><title>a</title><category term="flood"/></entry></feed>', "category (term: flood)"),
    ],
)
def test_an_attribute_of_what_is_no_writing_is_found(read: Read, tmp_path: Path, content: str, text: str) -> None:
    _, sections = read(saved(tmp_path, "a.xml", content.encode()))

    assert text in "\n".join(section.text for section in sections)


def test_a_long_list_of_authors_is_no_document_of_all_of_them(read: Read, tmp_path: Path) -> None:
    names = "".join(f"<author>Ada {number}</author>" for number in range(100))
    outline, _ = read(saved(tmp_path, "authors.xml", f"<authors>{names}</authors>".encode()))

    assert outline.metadata["author"].split(", ") == [f"Ada {number}" for number in range(20)]


def test_a_drawing_is_its_labels_and_without_any_it_is_empty(read: Read, tmp_path: Path) -> None:
    path = '<path d="M0 0 L1 1"/>'
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg"><title>Lock</title>{path}<text>upper <tspan>gate</tspan></text></svg>'
    )
    outline, (section,) = read(saved(tmp_path, "lock.svg", drawing.encode()))
    with pytest.raises(DocumentError) as failure:
        read(saved(tmp_path, "bare.svg", f"<svg>{path}</svg>".encode()))

    assert (outline.title, section.text) == ("Lock", "Lock\n\nupper gate")
    assert failure.value.code == "empty"


@pytest.mark.parametrize(
    "content",
    [
        '<?xml version="1.0"?><a><b>not closed</a>',
        "<a>" * 300 + "too deep" + "</a>" * 300,
        "<feed><!-- words in a remark --></feed>",
        LAUGHS,
    ],
)  # fmt: skip
def test_what_is_no_tree_with_words_is_read_as_it_is_written(read: Read, tmp_path: Path, content: str) -> None:
    _, sections = read(saved(tmp_path, "a.xml", content.encode()))

    assert "".join(section.text for section in sections) == content


def test_nothing_outside_the_file_is_read(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the secret")
    content = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]><a>open &b;</a>'
    _, sections = read(saved(tmp_path, "a.xml", content.encode()))

    assert [section.text for section in sections] == ["a: open &b;"]


def test_names_of_characters_that_a_definition_elsewhere_explains_are_known(read: Read, tmp_path: Path) -> None:
    content = b'<!DOCTYPE a SYSTEM "docbook.dtd"><a><b>Z&uuml;rich&mdash;1</b></a>'
    _, (section,) = read(saved(tmp_path, "a.xml", content))

    assert section.text == "b: Z\u00fcrich\u20141"


def test_a_declared_encoding_is_believed(read: Read, tmp_path: Path) -> None:
    content = '<?xml version="1.0" encoding="koi8-r"?><a>Вода поднимается</a>'.encode("koi8-r")
    _, (section,) = read(saved(tmp_path, "a.xml", content))

    assert section.text == "a: Вода поднимается"
