"""A detector at work: readings in, the probability that each fails out.

Loaded at first use, once per process. One sequence at a time, without padding, as the encoder does
(models/encoder.py): the scale of an int8 layer is that of all that runs with it, and a verdict must
not depend on what it was judged beside. What was read before is looked up.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.detectors.files import Installed
from classify.detectors.pairs import nearest
from classify.detectors.reading import Reading
from classify.models.checksums import ModelError

#: Pieces of one text that are read: 40,000 characters in 512 tokens are 25.
_MOST_PIECES = 64
_REMEMBERED = 1 << 15
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")
#: What onnxruntime says of an operator that it does not have.
_NO_OPERATOR = ("is not a registered function/op", "no op registered", "unrecognized domain")

Floats = NDArray[np.float64]


class Model:
    """Raises ModelError where the files are not those that the entry names, can't be loaded, or are
    no classifier of its inputs and labels."""

    def __init__(self, installed: Installed, threads: int = 1) -> None:
        installed.check()
        self._installed, self.detector = installed, installed.detector
        self._session = _session(installed, threads)
        self._types = _inputs(self._session, self.detector.name)
        self._length = _fixed_length(self._session, self.detector.name)
        self._output = _output(self._session, self.detector)
        self._tokenizer = _tokenizer(installed)
        it = self.detector
        told = it.fails or it.passes
        self._told = [it.labels.index(each) for each in told]
        self._pad = self._tokenizer.token_to_id("[PAD]")
        if self._pad is None:
            self._pad = self._tokenizer.token_to_id("<pad>") or 0
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def max_tokens(self) -> int:
        """Of one sequence, with the special ones."""
        return min(self.detector.max_tokens, self._length or self.detector.max_tokens)

    def fails(self, readings: Sequence[Reading]) -> list[float]:
        """Of each the probability that it fails, 0 to 1."""
        with self._lock:
            return [self._fails(each) for each in readings]

    def probabilities(self, reading: Reading) -> Floats:
        """What each label has in the piece that counts, shape (labels,); for people."""
        with self._lock:
            rows = [row for pair in self._pairs(reading) for row in self._rows(*pair)]
        told = [self._of(row) for row in rows]
        worst = int(np.argmin(told) if reading.against else np.argmax(told))
        return rows[worst]

    def _fails(self, reading: Reading) -> float:
        """A text as its worst piece does; a pair as that which bears it out best."""
        each = [self._asked(*pair) for pair in self._pairs(reading)]
        return min(each) if reading.against else max(each)

    def _pairs(self, reading: Reading) -> list[tuple[str, str]]:
        # Half a surrogate pair can't be encoded.
        text = reading.text.encode(errors="replace").decode()
        if not reading.against:
            return [(text, "")]
        it = self.detector
        text = self._cut(text)
        room = self.max_tokens - len(self._tokenizer.encode(text).ids) - 8
        if it.template:
            room -= len(self._tokenizer.encode(it.template).ids)
        best = nearest(text, reading.against, max(32, room))
        if it.reads == "context, claim":
            return [(beside, text) for beside in best]
        return [(text, beside) for beside in best]

    def _cut(self, text: str) -> str:
        """At most half of what the model can read."""
        self._tokenizer.no_truncation()
        found = self._tokenizer.encode(text[:40_000], add_special_tokens=False)
        most = self.max_tokens // 2
        return text[: found.offsets[most - 1][1]] if len(found.ids) > most else text

    def _asked(self, first: str, second: str) -> float:
        key = blake2b(f"{first}\0{second}".encode(errors="replace"), digest_size=16).digest()
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        told = [self._of(row) for row in self._rows(first, second)]
        # Of a pair the pieces are of what may bear it out.
        self._known[key] = found = min(told) if second else max(told)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _of(self, row: Floats) -> float:
        told = row[self._told]
        chance = float(told.sum() if self.detector.softmax else told.max())
        return min(1.0, max(0.0, chance if self.detector.fails else 1.0 - chance))

    def _rows(self, first: str, second: str) -> list[Floats]:
        """Probabilities of the labels, for each piece."""
        it = self.detector
        if second and it.template:
            one, other = it.reads.split(", ")
            parts = {one: first, other: second}
            before, name, after = _split(it.template, one, other)
            middle = parts[name[0]]
            text = before + middle + name[1] + parts[name[2]] + after
            encoding = self._encoded(text, "")
        else:
            encoding = self._encoded(first, second)
        pieces = [encoding, *encoding.overflowing[: _MOST_PIECES - 1]]
        return [self._run(piece) for piece in pieces]

    def _encoded(self, first: str, second: str) -> Any:
        second = second.encode(errors="replace").decode()
        first = first.encode(errors="replace").decode()
        split = "only_second" if self.detector.reads == "question, document" else "only_first"
        self._tokenizer.enable_truncation(
            self.max_tokens,
            stride=self.max_tokens // 8,
            strategy=split if second else "longest_first",
        )
        return self._tokenizer.encode(first, second) if second else self._tokenizer.encode(first)

    def _run(self, piece: Any) -> Floats:
        given = {
            "input_ids": piece.ids,
            "attention_mask": piece.attention_mask,
            "token_type_ids": piece.type_ids,
        }
        missing = max(0, self._length - len(piece.ids))
        padding = {"input_ids": self._pad}
        feed = {
            name: np.array([[*given[name], *[padding.get(name, 0)] * missing]], kind)
            for name, kind in self._types.items()
        }
        out = np.asarray(self._session.run([self._output], feed)[0], np.float64)
        logits = out.reshape(-1) if out.size == out.shape[-1] or out.ndim < 2 else out[0]
        it = self.detector
        if logits.ndim != 1 or len(logits) != len(it.labels):
            raise ModelError(
                f"detector {it.name}: {it.file} has {_shape(out.shape)} as '{self._output}', and"
                f" labels names {len(it.labels)}; write one name for each of its outputs"
            )
        if not np.isfinite(logits).all():
            raise ValueError(f"detector {it.name} gives no numbers")
        return _activated(logits, "softmax" if it.softmax else it.activation or "sigmoid")


@lru_cache(maxsize=8)
def model(installed: Installed, threads: int = 1) -> Model:
    """This process's, loaded when first asked for. Raises ModelError."""
    return Model(installed, threads)


#: Everyday readings, by what a detector reads.
EVERYDAY = {
    "text": Reading("", "Where is my parcel, please? It should have come on Friday."),
    "context, claim": Reading(
        "", "It comes on Friday.", ("Parcel A1: Friday.", "Opening hours: 9 to 5.")
    ),
    "question, document": Reading(
        "", "Where is my parcel?", ("Parcel A1: Friday.", "Opening hours: 9 to 5.")
    ),
}


def trial(installed: Installed) -> None:
    """Have it read an everyday text and one that is too long. Raises ModelError, and what
    onnxruntime raises."""
    loaded = model(installed)
    usual = EVERYDAY[installed.detector.reads]
    filling = "Parcel A1 comes on Friday at noon. " * (loaded.max_tokens // 4)
    long = Reading("", usual.text, (filling,)) if usual.against else Reading("", filling)
    loaded.fails([usual, long, Reading("", "…", ("…",) if usual.against else ())])


def _split(template: str, one: str, other: str) -> tuple[str, tuple[str, str, str], str]:
    """Text before the first place, (its name, text between, the other's name), text after: what is
    put in may itself look like a place."""
    first, second = sorted((one, other), key=lambda name: template.index(f"{{{name}}}"))
    before, rest = template.split(f"{{{first}}}", 1)
    between, after = rest.split(f"{{{second}}}", 1)
    return before, (first, between, second), after


def _activated(logits: Floats, kind: str) -> Floats:
    if kind == "softmax":
        grown: Floats = np.exp(logits - logits.max())
        shares: Floats = grown / grown.sum()
        return shares
    return 0.5 * (1.0 + np.tanh(0.5 * logits)) if kind == "sigmoid" else logits


def _session(installed: Installed, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            str(installed.model), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        it = installed.detector
        text = str(error)
        if any(words in text.lower() for words in _NO_OPERATOR):
            why = "it uses an operator that onnxruntime lacks; export it without custom operators"
        else:
            why = "is it an ONNX model, and are its weights in one file (else name them as data)?"
        raise ModelError(
            f"detector {it.name}: {it.file} can't be loaded: {why} ({text})"
        ) from error


def _inputs(session: Any, name: str) -> dict[str, Any]:
    """Name to the type of its integers."""
    found = {each.name: each.type for each in session.get_inputs()}
    unknown = sorted(set(found) - set(_INPUTS))
    if unknown or "input_ids" not in found:
        told = f"wants '{unknown[0]}'" if unknown else "has no input_ids"
        raise ModelError(
            f"detector {name}: the model {told}; a classifier of texts takes {', '.join(_INPUTS)}:"
            " export it as one (docs/detectors.md)"
        )
    for each, kind in found.items():
        if kind not in _INTEGERS:
            raise ModelError(f"detector {name}: input {each} is {kind}; it must be int64 or int32")
    return {each: _INTEGERS[kind] for each, kind in found.items()}


def _fixed_length(session: Any, name: str) -> int:
    """Tokens of every sequence, where the model takes no other; 0 where it takes any."""
    shape = next(each.shape for each in session.get_inputs() if each.name == "input_ids")
    if len(shape) != 2 or (isinstance(shape[0], int) and shape[0] != 1):
        raise ModelError(
            f"detector {name}: input_ids has shape {_shape(shape)}; it must be (rows, tokens), of"
            " any number of rows or of one: export it so"
        )
    return shape[1] if isinstance(shape[1], int) else 0


def _output(session: Any, detector: Any) -> str:
    """The name of the output that has the labels."""
    found = {each.name: each for each in session.get_outputs()}
    name = detector.output or ("logits" if "logits" in found else "")
    if not name and len(found) == 1:
        name = next(iter(found))
    if name not in found:
        told = f"has no output '{name}'" if name else "has several outputs"
        raise ModelError(
            f"detector {detector.name}: the model {told}; write output = one of"
            f" {', '.join(list(found)[:10])}"
        )
    shape, kind = found[name].shape, found[name].type
    wide = shape[-1] if shape else 1
    labels = len(detector.labels)
    is_row = len(shape) == 2 or (len(shape) == 1 and labels == 1)
    if kind not in _FLOATS or not is_row:
        raise ModelError(
            f"detector {detector.name}: output '{name}' is {kind} of shape {_shape(shape)}; a"
            " classifier's is (rows, labels): export it with its head, for sequence classification"
        )
    if len(shape) == 2 and isinstance(wide, int) and wide != labels:
        raise ModelError(
            f"detector {detector.name}: {detector.file} has {wide} outputs, and labels names"
            f" {labels}; write one name for each, in the order of the model's id2label"
        )
    return name


def _tokenizer(installed: Installed) -> Any:
    # One process is one core: the others judge for themselves.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_file(str(installed.tokenizer))
    except Exception as error:
        it = installed.detector
        raise ModelError(
            f"detector {it.name}: {it.tokenizer} is no tokenizer.json: {error}; docs/detectors.md"
            " says how to make one of vocab.txt or spm.model"
        ) from error
    found.no_padding()
    return found


def _shape(shape: Sequence[Any]) -> str:
    return f"({', '.join('any' if not isinstance(each, int) else str(each) for each in shape)})"
