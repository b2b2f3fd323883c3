"""What texts are about, as unit vectors: looked up where they are stored, else from the encoder.

Stored as one signed byte a dimension (384 bytes a text), the largest scaled to 127; the length is
made 1 again on reading. Kept for the days that EVERYSPAN_CLASSIFY_VECTOR_DAYS says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray

from classify.custom.texts import hash_of, shown
from classify.models.encoder import encoder
from classify.models.files import heads
from clickhouse.native import read_columns, write_columns

DIMENSIONS = 384
Floats = NDArray[np.float32]

#: Columns of ``text_vectors``.
TYPES = {
    "hour": "DateTime('UTC')",
    "hash": "FixedString(16)",
    "model": "UInt32",
    "vector": "String",
    "expires": "DateTime('UTC')",
}


def model() -> int:
    """Vectors and heads of another model than this can't be compared. Raises ModelError."""
    return heads().version


def quantised(vectors: Floats) -> list[bytes]:
    """Each row as signed bytes."""
    scale = 127.0 / np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-9)
    return [row.tobytes() for row in np.rint(vectors * scale).astype(np.int8)]


def restored(stored: Sequence[bytes]) -> Floats:
    """Unit vectors, shape (len(stored), DIMENSIONS)."""
    table = np.frombuffer(b"".join(stored), np.int8).reshape(len(stored), DIMENSIONS)
    floats = table.astype(np.float32)
    length = np.linalg.norm(floats, axis=1, keepdims=True)
    found: Floats = floats / np.maximum(length, 1e-9)
    return found


class Vectors:
    """Of one batch. ``block``: hash and vector as a Native block, from `text_vectors`."""

    def __init__(self, block: bytes = b"") -> None:
        columns = read_columns(block)
        self._stored: dict[bytes, bytes] = (
            dict(zip(columns["hash"], columns["vector"], strict=True)) if columns else {}
        )
        self._hashes: dict[str, bytes] = {}
        #: Hash to stored form of those that the encoder had to be asked for.
        self.fresh: dict[bytes, bytes] = {}
        #: Texts that were looked up, and those that were there.
        self.asked = self.there = 0

    def of(self, texts: Sequence[str]) -> Floats:
        """Shape (len(texts), DIMENSIONS)."""
        if not texts:
            return np.zeros((0, DIMENSIONS), np.float32)
        hashes = [self.hash(text) for text in texts]
        missing: dict[bytes, str] = {
            key: text for key, text in zip(hashes, texts, strict=True) if key not in self._stored
        }
        self.asked += len(texts)
        self.there += len(texts) - len(missing)
        if missing:
            found = quantised(encoder().vectors([shown(text) for text in missing.values()]))
            new = dict(zip(missing, found, strict=True))
            self.fresh |= new
            self._stored |= new
        return restored([self._stored[key] for key in hashes])

    def hash(self, text: str) -> bytes:
        """Remembered: the same text is asked for by each classifier."""
        key = self._hashes.get(text)
        if key is None:
            key = self._hashes[text] = hash_of(text)
        return key

    def block(self, hours: dict[bytes, set[int]], expires: int) -> bytes:
        """The fresh ones as rows of `text_vectors`. ``hours``: hash to the hours (s since 1970)
        whose rows have that text; ``expires``: s since 1970."""
        rows = [
            (hour, key, vector)
            for key, vector in self.fresh.items()
            for hour in sorted(hours.get(key, ()))
        ]
        if not rows:
            return b""
        at, keys, vectors = zip(*rows, strict=True)
        columns = {
            "hour": at,
            "hash": keys,
            "model": [model()] * len(rows),
            "vector": vectors,
            "expires": [expires] * len(rows),
        }
        return write_columns(TYPES, columns)


_current: ContextVar[Vectors | None] = ContextVar("vectors", default=None)


@contextmanager
def using(vectors: Vectors) -> Iterator[Vectors]:
    """Within it, classifiers look their texts up in these."""
    token = _current.set(vectors)
    try:
        yield vectors
    finally:
        _current.reset(token)


def current() -> Vectors:
    """Those in use, else new ones."""
    return _current.get() or Vectors()
