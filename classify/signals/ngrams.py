"""A linear model of hashed n-grams: the wording that failing texts have and healthy ones have not.

Words and pairs of words, and four and five characters in a row; NAME.ngrams.npz, under 100 KB.
``training/ngrams.py`` writes it, from sources that the combiners are not fitted on.
See: Weinberger et al. 2009, Feature Hashing for Large Scale Multitask Learning.
"""

from __future__ import annotations

import io
import math
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from classify.models import files
from classify.models.checksums import ModelError, remedy
from classify.models.windows import sentences

#: Buckets of the words, and of the characters, which come after them.
BUCKETS = 1 << 15
#: Characters of a text that are looked at.
_LONGEST = 6_000
#: Sentences that are looked at one by one, and the words that one must have.
_SENTENCES, _WORDS = 40, 4

_TOKEN = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d")
Buckets = NDArray[np.int64]


def file_of(name: str) -> str:
    """The name of a model's file, in the folder of the model."""
    return f"{name}.ngrams.npz"


def buckets(text: str) -> Buckets:
    """The buckets that a text's n-grams fall into, each once, ascending; shape (n,)."""
    told = _DIGITS.sub("0", " ".join(text[:_LONGEST].lower().split()))
    tokens = [token.encode(errors="replace") for token in _TOKEN.findall(told)]
    hashes = [zlib.crc32(token) for token in tokens]
    words = np.array(hashes, dtype=np.uint32)
    pairs = words[:-1] * np.uint32(2654435761) + words[1:] * np.uint32(40503)
    found = [(words ^ (words >> 15)) % BUCKETS, (pairs ^ (pairs >> 15)) % BUCKETS]
    raw = np.frombuffer(f" {told} ".encode(errors="replace"), np.uint8).astype(np.uint32)
    for length in (4, 5):
        if len(raw) >= length:
            rolled = np.zeros(len(raw) - length + 1, np.uint32)
            for at in range(length):
                rolled = rolled * np.uint32(16777619) ^ raw[at : at + len(rolled)]
            rolled = rolled * np.uint32(2654435761)
            found.append((rolled ^ (rolled >> 15)) % BUCKETS + BUCKETS)
    return np.unique(np.concatenate(found).astype(np.int64))


@lru_cache(maxsize=512)
def logit(name: str, text: str) -> float:
    """What the model says of a text as a whole; NaN of an empty one. Raises ModelError."""
    return _Model.logit(_model(name), buckets(text)) if text.strip() else float("nan")


@lru_cache(maxsize=512)
def worst(name: str, text: str) -> tuple[float, str]:
    """Of its worst sentence, and that; of the whole where there is but one. Raises ModelError."""
    parts = [
        part.text for part in sentences(text)[:_SENTENCES] if part.text.count(" ") >= _WORDS - 1
    ]
    if len(parts) < 2:
        return logit(name, text), text
    model = _model(name)
    found = [_Model.logit(model, buckets(part)) for part in parts]
    at = int(np.argmax(found))
    return found[at], parts[at]


class _Model:
    """logit = bias + scale · the sum of the weights of a text's buckets / √(how many)."""

    def __init__(self, weights: NDArray[np.int8], scale: float, bias: float) -> None:
        self.weights, self.scale, self.bias = weights, scale, bias

    def logit(self, found: Buckets) -> float:
        total = float(self.weights[found].sum(dtype=np.int64))
        return self.bias + self.scale * total / math.sqrt(max(1, len(found)))


@contextmanager
def instead(name: str, weights: NDArray[np.int8], scale: float, bias: float) -> Iterator[None]:
    """Reads texts by another model than that of the file: for training, in one thread."""
    _OTHERS[name] = _Model(weights, scale, bias)
    for cached in (logit, worst):
        cached.cache_clear()
    try:
        yield
    finally:
        del _OTHERS[name]
        for cached in (logit, worst):
            cached.cache_clear()


def _model(name: str) -> _Model:
    return _OTHERS.get(name) or _of_file(name)


_OTHERS: dict[str, _Model] = {}


@lru_cache(maxsize=8)
def _of_file(name: str, folder: str = "") -> _Model:
    data = files.read(folder, file_of(name))
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            weights, (scale, bias) = held["weights"], held["scale_bias"].tolist()
        if weights.shape != (2 * BUCKETS,):
            raise ValueError(f"it has {weights.shape} weights, not {2 * BUCKETS}")
    except (ValueError, KeyError, OSError) as error:
        path = files.path_of(folder, file_of(name))
        raise ModelError(f"{path}: {error}; {remedy(path)}") from error
    return _Model(weights, scale, bias)
