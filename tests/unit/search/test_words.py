from headrace.search import words


def test_a_text_is_cut_at_everything_but_letters_and_digits() -> None:
    assert words.cut("config.yaml, db-7_x! (naïve) 鷺") == [
        "config",
        "yaml",
        "db",
        "7",
        "x",
        "naïve",
        "鷺",
    ]


def test_a_letter_and_its_accent_are_one() -> None:
    assert words.cut("e\u0301te\u0301") == ["été"]


def test_words_that_are_in_every_text_are_not_asked_for_unless_there_are_no_others() -> None:
    assert words.asked("What is the Heron of the heron") == ["heron"]
    assert words.asked("to be or not to be") == ["to", "be", "or", "not"]


def test_a_question_has_a_limited_number_of_words_of_limited_length() -> None:
    assert len(words.asked(" ".join(f"w{number}" for number in range(1_000)))) == words.MOST_WORDS
    assert words.asked("a" * 5_000 + " heron") == ["heron"]
