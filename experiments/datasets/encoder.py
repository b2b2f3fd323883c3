"""The vectors that everything here compares texts by: the general tower of our own encoder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cache

from classify.models import files
from classify.models.encoder import encoder
from experiments.datasets.pool import Floats

_THREADS = min(4, os.cpu_count() or 1)


def vectors(texts: Sequence[str]) -> Floats:
    """Unit vectors, shape (len(texts), 384). Raises ModelError where the model is not there."""
    return encoder("", _THREADS).vectors(texts)


@cache
def fingerprint() -> str:
    """16 hexadecimal digits of the model's files: vectors of different ones can't be compared."""
    digest = hashlib.sha256()
    for path in (
        files.path_of("", files.EMBEDDINGS),
        files.path_of("", files.LOWER),
        files.tower_of("", files.GENERAL),
        files.path_of("", files.TOKENIZER),
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
