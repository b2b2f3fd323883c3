"""Runs the encoder: texts in, one logit a head out, or a vector that says what they are about.

Embeddings and lower layers are shared; towers stand on them: of upper layers for the heads, and one
as it came, whose mean is the vector. Loaded at first use, once per process: importing this
module loads neither the run time nor the model. Texts are judged once: repeats within a call and
across calls (the last REMEMBERED) are looked up. All heads of a tower come out of one pass, so that
a text that three classifiers look at costs one.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.models import files
from classify.models.checksums import ModelError, remedy
from classify.models.form import Pair

#: Texts whose answer is kept, about 150 bytes each.
REMEMBERED = 1 << 17
#: Vectors that are kept, 800 bytes each.
_REMEMBERED_VECTORS = 1 << 14
#: Tokens that two pieces of a text that is too long have in common.
_STRIDE = 32

Floats = NDArray[np.float32]
Combine = Callable[[Floats, Floats], Floats]


class Encoder:
    """``folder``: of the model's files, '' for Everyspan's. ``threads``: of one run; more than 1
    only where one process has the machine to itself.

    Raises ModelError where a file is missing, or is not the one whose hash was installed.
    """

    def __init__(self, folder: str = "", threads: int = 1) -> None:
        self.heads = files.heads(folder)
        self._folder, self._threads = folder, threads
        self._embeddings = _session(folder, files.EMBEDDINGS, threads)
        self._lower = _session(folder, files.LOWER, threads)
        self._tokenizer = _tokenizer(folder)
        self._towers: dict[str, Any] = {}
        self._known: OrderedDict[bytes, Floats] = OrderedDict()
        self._vectors: OrderedDict[bytes, NDArray[np.float16]] = OrderedDict()
        self._lock = threading.Lock()
        #: Texts asked for, and sequences and tokens that were run.
        self.asked = self.ran = self.tokens = 0

    def head_logits(self, head: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """What a head says of each text, in their order; shape (len(texts),).

        A text of more than the model's tokens is run in overlapping pieces, of which the worst
        counts.
        """
        if not texts:
            return np.zeros(0)
        form = self.heads.head(head)
        found = self.logits(form.tower, texts)
        if form.index >= found.shape[1]:
            raise ModelError(
                f"{files.HEADS} names an output that {form.tower}.onnx lacks (it has"
                f" {found.shape[1]}); the two are of different trainings: install both again"
            )
        return found[:, form.index].astype(np.float64)

    def cosines(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """How near to each other the two texts of each pair are, -1 to 1, shape (len(pairs),)."""
        vectors = self.vectors([text for pair in pairs for text in pair])
        found: NDArray[np.float64] = (vectors[0::2] * vectors[1::2]).sum(axis=1)
        return found

    def logits(self, tower: str, texts: Sequence[str]) -> Floats:
        """Shape (len(texts), heads of the tower)."""
        with self._lock:
            keys = [_key(text, tower) for text in texts]
            self.asked += len(texts)
            new: dict[bytes, str] = {}
            for key, text in zip(keys, texts, strict=True):
                if key in self._known:
                    self._known.move_to_end(key)
                elif key not in new:
                    new[key] = text
            # Those that were known might be forgotten while the new ones come in.
            found = {key: self._known[key] for key in keys if key not in new}
            if new:
                fresh = dict(
                    zip(new, self._run(tower, list(new.values()), np.maximum), strict=True)
                )
                found |= fresh
                self._known |= fresh
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        if not keys:
            return np.zeros((0, 0), np.float32)
        return np.stack([found[key] for key in keys])

    def vectors(self, texts: Sequence[str]) -> Floats:
        """What each text is about: unit length, shape (len(texts), 384); of a text that is too
        long, the sum of its pieces."""
        with self._lock:
            keys = [_key(text, files.GENERAL) for text in texts]
            new = {
                key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors
            }
            found = {key: self._vectors[key] for key in keys if key not in new}
            if new:
                rows = self._run(files.GENERAL, list(new.values()), np.add)
                fresh = {
                    key: (row / max(float(np.linalg.norm(row)), 1e-9)).astype(np.float16)
                    for key, row in zip(new, rows, strict=True)
                }
                found |= fresh
                self._vectors |= fresh
                while len(self._vectors) > _REMEMBERED_VECTORS:
                    self._vectors.popitem(last=False)
        if not keys:
            return np.zeros((0, 384), np.float32)
        return np.stack([found[key] for key in keys]).astype(np.float32)

    def _run(self, tower: str, texts: list[str], combine: Combine) -> list[Floats]:
        """One sequence at a time, without padding: the int8 scale of a layer's input is that of all
        that runs with it, so that beside others a text would score otherwise than alone."""
        upper = self._tower(tower)
        self._tokenizer.enable_truncation(self.heads.max_tokens, stride=_STRIDE)
        rows = []
        for encoding in self._tokenizer.encode_batch(texts):
            row = self._forward(upper, encoding)
            for piece in encoding.overflowing:
                row = combine(row, self._forward(upper, piece))
            rows.append(row)
        return rows

    def _tower(self, name: str) -> Any:
        if name not in self._towers:
            self._towers[name] = _session(self._folder, f"{name}.onnx", self._threads)
        return self._towers[name]

    def _forward(self, upper: Any, piece: Any) -> Floats:
        """What the tower says of one sequence, shape (outputs,)."""
        ids, mask, types = (
            np.array([each], np.int64) for each in (piece.ids, piece.attention_mask, piece.type_ids)
        )
        self.ran += 1
        self.tokens += ids.size
        states = self._embeddings.run(["embedded"], {"input_ids": ids, "token_type_ids": types})[0]
        for session, out, on in ((self._lower, "states", "embedded"), (upper, "out", "states")):
            states = session.run([out], {on: states, "attention_mask": mask})[0]
        found: Floats = states[0]
        return found


@lru_cache(maxsize=4)
def encoder(folder: str = "", threads: int = 1) -> Encoder:
    """This process's encoder, loaded when first asked for. Raises ModelError."""
    return Encoder(folder, threads)


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * values))


def _key(text: str, use: str) -> bytes:
    return blake2b(text.encode(errors="replace"), digest_size=16, key=use.encode()).digest()


def _session(folder: str, name: str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin would take the core from ingest.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The bytes that were checked are those that are loaded.
    data = files.read(folder, name)
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _not_loaded(folder, name, error) from error


def _tokenizer(folder: str) -> Any:
    # One process is one core: the others judge for themselves.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # It says at import that there is no torch, which is as it should be.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from transformers import PreTrainedTokenizerFast

    files.read(folder, files.TOKENIZER)
    path = files.path_of(folder, files.TOKENIZER)
    try:
        fast: Any = PreTrainedTokenizerFast
        found = fast(tokenizer_file=str(path)).backend_tokenizer
    except Exception as error:
        raise _not_loaded(folder, files.TOKENIZER, error) from error
    found.no_padding()
    return found


def _not_loaded(folder: str, name: str, error: Exception) -> ModelError:
    path = files.path_of(folder, name)
    return ModelError(f"{path} can't be loaded: {error}; {remedy(path)}")
