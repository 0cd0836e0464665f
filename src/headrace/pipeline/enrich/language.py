"""The language of a text, by py3langid on a bounded sample."""

from functools import cache
from typing import Any

SAMPLE_CHARACTERS = 4_000
MIN_LETTERS = 12
# py3langid's probability, calibrated over length. Short or mixed texts stay below and get no language.
MIN_CONFIDENCE = 0.3
CODE_LETTERS = 2


def language_of(text: str) -> str | None:
    """An ISO 639-1 code; None for too few letters, a doubtful guess, or a language without such a code."""
    sample = text[:SAMPLE_CHARACTERS]
    if sum(map(str.isalpha, sample)) < MIN_LETTERS:
        return None
    code, confidence = identifier().classify(sample)
    return code if len(code) == CODE_LETTERS and confidence >= MIN_CONFIDENCE else None


@cache
def identifier() -> Any:
    """The model, loaded when the first document needs it."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
