"""The words of a text, cut as both keyword indexes cut them."""

import re
import unicodedata

MOST_WORDS = 32
"""Of a longer question, the first ones; nobody asks for more, and each costs."""
LONGEST_WORD = 100

_WORD = re.compile(r"[^\W_]+")

_ENGLISH = (
    "i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it"
    " its itself they them their theirs themselves what which who whom this that these those am is are was were be been"
    " being have has had having do does did doing a an the and but if or because as until while of at by for with about"
    " against between into through during before after above below to from up down in out on off over under again"
    " further then once here there when where why how all any both each few more most other some such no nor not only"
    " own same so than too very s t can will just don should now"
)
STOP_WORDS = frozenset(_ENGLISH.split())
"""As in Postgres' `english.stop`."""


def cut(text: str) -> list[str]:
    """Runs of letters and digits, in order."""
    return _WORD.findall(unicodedata.normalize("NFC", text))


def asked(text: str) -> list[str]:
    """The different words of a question, without those that are in every text, if there are others."""
    found = list(dict.fromkeys(word.lower() for word in cut(text) if len(word) <= LONGEST_WORD))
    return ([word for word in found if word not in STOP_WORDS] or found)[:MOST_WORDS]
