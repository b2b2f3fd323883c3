"""Texts to tensors, and what a tower in training says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from classify.training.inputs import Input, Sample
from classify.training.model import General, Lower, Tower

MAX_TOKENS = 256
#: Windows of a long text that are looked at.
MAX_WINDOWS = 12

Floats = NDArray[np.float64]


class Reader:
    """The tokenizer and the shared layers, for one tower."""

    def __init__(self, lower: Lower, tower: Tower, general: General, tokenizer: Path) -> None:
        from tokenizers import Tokenizer

        self.lower, self.tower, self.general = lower.eval(), tower, general.eval()
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def states(self, inputs: list[Input]) -> tuple[Tensor, Tensor]:
        """States [batch, tokens, 384] and mask [batch, tokens] of inputs, padded to the longest."""
        encoded = self._tokenizer.encode_batch(inputs)
        length = max(len(each.ids) for each in encoded)
        ids, mask, types = (torch.zeros(len(encoded), length, dtype=torch.long) for _ in range(3))
        for row, each in enumerate(encoded):
            size = len(each.ids)
            ids[row, :size] = torch.tensor(each.ids)
            types[row, :size] = torch.tensor(each.type_ids)
            mask[row, :size] = 1
        with torch.no_grad():
            return self.lower(ids, mask, types), mask

    def logits(self, head: int, inputs: list[Input]) -> Floats:
        """The head's logit for each input."""
        self.tower.eval()
        found = self._each(self.tower, inputs)[:, head]
        self.tower.train()
        return found

    def cosines(self, pairs: list[Input]) -> Floats:
        """How near to each other the two texts of each pair are, -1 to 1."""
        texts = [text for pair in pairs for text in (pair if not isinstance(pair, str) else ())]
        vectors = self._each(self.general, list(texts))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines: Floats = (vectors[0::2] * vectors[1::2]).sum(axis=1)
        return cosines

    def worst(self, head: int, each: list[Sample]) -> tuple[Floats, Floats]:
        """Logits (the worst window of each sample) and labels."""
        flat = [choice for sample in each for choice in sample.choices[:MAX_WINDOWS]]
        logits = self.logits(head, flat)
        found, at = [], 0
        for sample in each:
            size = len(sample.choices[:MAX_WINDOWS])
            found.append(logits[at : at + size].max())
            at += size
        return np.array(found), np.array([sample.label for sample in each])

    def _each(self, upper: nn.Module, inputs: list[Any]) -> Floats:
        order = sorted(range(len(inputs)), key=lambda i: _length(inputs[i]))
        found: dict[int, Floats] = {}
        with torch.no_grad():
            for at in range(0, len(order), 64):
                chunk = order[at : at + 64]
                rows = upper(*self.states([inputs[i] for i in chunk])).double().numpy()
                found.update(zip(chunk, rows, strict=True))
        return np.stack([found[i] for i in range(len(inputs))])


def _length(text: Input) -> int:
    return len(text) if isinstance(text, str) else len(text[0]) + len(text[1])
