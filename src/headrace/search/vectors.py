"""Vectors as numpy has them."""

from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float32]]


def unit(vector: "bytes | np.ndarray[Any, Any]") -> Floats | None:
    """`(dimensions,)` float32 of length 1; None when it has no direction."""
    raw = np.frombuffer(vector, "<f2") if isinstance(vector, bytes) else np.asarray(vector)
    wide = raw.astype(np.float64).ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(wide)
    if wide.size == 0 or not np.isfinite(length) or length == 0:
        return None
    return (wide / length).astype(np.float32)


def units(halves: bytes, dimensions: int) -> Floats:
    """Rows of `dimensions` float16 as `(n, dimensions)` float32 of length 1; those without direction become zero."""
    rows = np.frombuffer(halves, "<f2").reshape(-1, dimensions).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[~np.isfinite(rows).all(axis=1)] = 0
    return rows


def as_half(vector: Floats) -> bytes:
    """Little-endian float16."""
    return vector.astype("<f2").tobytes()
