"""The same vector by a text's hash in every framework; nothing here but the standard library and numpy."""

import hashlib

import numpy as np

DIMENSIONS = 64


def vectors(texts):
    """One list of floats for each text."""
    raw = b"".join(hashlib.shake_128(text.encode()).digest(DIMENSIONS) for text in texts)
    rows = np.frombuffer(raw, np.uint8).reshape(len(texts), DIMENSIONS).astype(np.float32) - 127.5
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).tolist()
