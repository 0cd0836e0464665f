# ruff: noqa: RUF001
import io
from pathlib import Path

import pytest

from headrace.pipeline.extract.encoding import encoding_of
from headrace.pipeline.extract.legacy import likeliest
from tests.unit.pipeline.conftest import Read
from tests.unit.pipeline.documents import saved

WESTERN = ("cp1252", "iso8859_15")
CENTRAL = ("cp1250", "iso8859_2")
CYRILLIC = ("cp1251", "koi8_u", "iso8859_5")
TEXTS = {
    "La compañía explicó que el año próximo habrá más trenes y que también abrirá la estación.": WESTERN,
    "A administração não informou quando as informações estarão disponíveis para a região.": WESTERN,
    "Nästa år ska kommunen bygga en ny bro över ån, säger ordföranden på måndagens möte.": WESTERN,
    "L'été dernier, la société a décidé de réduire ses dépenses à cause de la sécheresse.": WESTERN,
    "Die schöne Straße führt über die größte Brücke der Stadt, sagt Jürgen Müller aus Köln.": WESTERN,
    "La città è più bella perché c'è già la libertà di andare dove si può, così com'è.": WESTERN,
    "De coördinator van het comité vond één idee zó goed dat hij het financiële plan herzag.": WESTERN,
    "Færgen sejler også på søndage, når vejret på øen er godt, og så går vi i land.": WESTERN,
    "Tämä päätös tehtiin myöhään yöllä, eikä sitä enää käsitellä tänä vuonna täällä.": WESTERN,
    "She said it’s “over”, and didn’t say more – a café, a résumé, and that’s it.": ("cp1252", "mac_roman"),
    "Zażółć gęślą jaźń, powiedział mężczyzna, który wyszedł późną nocą z łódzkiego dworca.": CENTRAL,
    "Příliš žluťoučký kůň úpěl ďábelské ódy, a přece se nikdo z městečka nepřišel podívat.": CENTRAL,
    "Az árvíztűrő tükörfúrógép működését a gyár mérnöke mutatta be a küldöttségnek.": CENTRAL,
    "Această lege a fost modificată în anul următor, iar oraşul şi ţara au avut de câştigat.": CENTRAL,
    "Šest mladića čeka žičaru koja će ih odvesti preko rijeke u njihovu školu na brežuljku.": CENTRAL,
    "Съешь же ещё этих мягких французских булок, да выпей чаю, сказал он вечером.": CYRILLIC,
    "Учора ввечері їхній сусід поїхав до міста, щоб купити хліб, яйця та ще щось смачне.": ("cp1251", "koi8_u"),
    "Жълтата дюля беше щастлива, че пухът, който цъфна, замръзна като гьон през зимата.": ("cp1251", "iso8859_5"),
    "Η πόλη είναι χτισμένη δίπλα στο ποτάμι και οι κάτοικοι ζουν από την αλιεία.": ("cp1253", "iso8859_7"),
    "Bugün güneş çıktı, çocuklar dışarıda oynuyor ve şehir ışıklarla doluyor.": ("cp1254",),
    "העיר נבנתה ליד הנהר ותושביה חיים מדיג וממסחר עם הערים השכנות.": ("cp1255", "iso8859_8"),
    "بنيت المدينة بجوار النهر ويعيش سكانها من الصيد والتجارة مع المدن المجاورة.": ("cp1256",),
    "Šiandien oras labai gražus, vaikai žaidžia lauke, o miestas pilnas šviesų ir žmonių.": ("cp1257",),
    "เมืองนี้สร้างขึ้นริมแม่น้ำและชาวเมืองมีชีวิตอยู่ด้วยการประมง": ("cp874",),
    "この町は川のそばに建てられ、住民は漁業と近くの町との商売で暮らしています。": ("cp932", "euc_jp"),
    "这座城市建在河边，居民以捕鱼和与邻近城市的贸易为生。": ("gb18030",),
    "這座城市建在河邊，居民以捕魚和與鄰近城市的貿易為生。": ("big5",),
    "이 도시는 강가에 세워졌고 주민들은 어업과 이웃 도시와의 무역으로 살아간다.": ("cp949",),
}


@pytest.mark.parametrize(("text", "encoding"), [(text, name) for text, names in TEXTS.items() for name in names])
def test_a_text_from_before_unicode_is_read_as_its_language_is_written(text: str, encoding: str) -> None:
    data = text.encode(encoding)

    assert data.decode(encoding_of(io.BytesIO(data))) == text


@pytest.mark.parametrize(
    "text", ["Müller", "à la carte", "São Paulo", "SMÖRGÅSBORD", "20 °C ± 1", "¬ ¦ ¢ ¥ ¤ ½", "I’m here", "¿Qué?"]
)
def test_a_word_or_a_mark_in_english_is_western(text: str) -> None:
    assert text.encode("cp1252").decode(likeliest(text.encode("cp1252")) or "") == text


def test_capitals_of_another_alphabet_are_no_small_letters_of_a_third() -> None:
    text = "ВНИМАНИЕ! ВСЕ ПОЕЗДА ОТ ПЕРВОЙ ПЛАТФОРМЫ СЕГОДНЯ ОТПРАВЛЯЮТСЯ НА ПЯТНАДЦАТЬ МИНУТ ПОЗЖЕ."

    for encoding in ("cp1251", "koi8_r"):
        assert text.encode(encoding).decode(likeliest(text.encode(encoding)) or "") == text


def test_bytes_without_any_letters_are_no_text() -> None:
    assert likeliest(bytes(range(0x80, 0x100)) * 16) is None


def test_an_xml_file_is_in_the_encoding_that_it_declares(read: Read, tmp_path: Path) -> None:
    content = "<?xml version='1.0' encoding='cp437'?><a>é ½</a>".encode("cp437")

    _, sections = read(saved(tmp_path, "a.xml", content))

    assert "<a>é ½</a>" in sections[0].text


@pytest.mark.parametrize("declared", ["utf-16", "utf-32", "hex", "nonsense"])
def test_a_page_that_declares_what_it_cannot_be_is_read_all_the_same(read: Read, tmp_path: Path, declared: str) -> None:
    _, sections = read(saved(tmp_path, "a.html", f'<meta charset="{declared}"><p>Grüße</p>'.encode()))

    assert sections[0].text == "Grüße"


@pytest.mark.parametrize("declared", ["iso-8859-8-i", "ISO-8859-8-E", "visual"])
def test_hebrew_is_read_as_pages_and_mails_declare_it(read: Read, tmp_path: Path, declared: str) -> None:
    text = "שלום"  # too short to be told without
    page = f'<meta charset="{declared}"><p>{text}'.encode("iso8859_8")
    mail = f"Subject: a\nMIME-Version: 1.0\nContent-Type: text/plain; charset={declared}\n\n{text}".encode("iso8859_8")

    for name, content in {"a.html": page, "a.eml": mail}.items():
        _, sections = read(saved(tmp_path, name, content))

        assert sections[-1].text.strip() == text
