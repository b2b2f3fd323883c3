"""Texts to tensors, and what a tower in training says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.inputs import Input
from training.logits import MAX_TOKENS, Floats
from training.model import Embeddings, General, Lower, Tower


class Reader:
    """The tokenizer and what stands below the towers, for one tower."""

    def __init__(
        self,
        below: tuple[Embeddings, Lower],
        tower: Tower,
        general: General,
        tokenizer: Path,
        device: str,
        mixed: bool = False,
    ) -> None:
        from tokenizers import Tokenizer

        self.device = torch.device(device)
        self.embeddings, self.lower = (each.eval().to(self.device) for each in below)
        self.tower, self.general = tower.to(self.device), general.eval().to(self.device)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._tokens: dict[Input, tuple[Any, Any]] = {}
        self.mixed = mixed

    def precision(self) -> torch.autocast:
        """What the matrices are multiplied in: bfloat16 where that was asked for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed)

    def states(self, inputs: list[Input], whole: bool) -> tuple[Tensor, Tensor]:
        """States [batch, tokens, 384] and mask [batch, tokens] of inputs, padded to the longest:
        after the shared layers, or before them for a tower that has its own."""
        new = [each for each in inputs if each not in self._tokens]
        for text, each in zip(new, self._tokenizer.encode_batch(new), strict=True):
            self._tokens[text] = (
                np.array(each.ids, np.int32),
                np.array(each.type_ids, np.int8),
            )
        rows = [self._tokens[each] for each in inputs]
        length = max(len(ids) for ids, _ in rows)
        ids, mask, types = (np.zeros((len(rows), length), np.int64) for _ in range(3))
        for row, (mine, kinds) in enumerate(rows):
            ids[row, : len(mine)] = mine
            types[row, : len(mine)] = kinds
            mask[row, : len(mine)] = 1
        told, shown, kept = (torch.from_numpy(t).to(self.device) for t in (ids, types, mask))
        with torch.no_grad():
            states = self.embeddings(told, shown)
            return (states if whole else self.lower(states, kept)), kept

    def logits(self, head: int, inputs: list[Input]) -> Floats:
        """The head's logit for each input."""
        self.tower.eval()
        found = self._each(self.tower, inputs, self.tower.whole)[:, head]
        self.tower.train()
        return found

    def cosines(self, pairs: list[Input]) -> Floats:
        """How near to each other the two texts of each pair are, -1 to 1."""
        texts = [text for pair in pairs for text in (pair if not isinstance(pair, str) else ())]
        vectors = self._each(self.general, list(texts), False)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines: Floats = (vectors[0::2] * vectors[1::2]).sum(axis=1)
        return cosines

    def _each(self, upper: nn.Module, inputs: list[Any], whole: bool) -> Floats:
        order = sorted(range(len(inputs)), key=lambda i: _length(inputs[i]))
        found: dict[int, Floats] = {}
        with torch.no_grad(), self.precision():
            for at in range(0, len(order), 64):
                chunk = order[at : at + 64]
                rows = upper(*self.states([inputs[i] for i in chunk], whole)).double().cpu().numpy()
                found.update(zip(chunk, rows, strict=True))
        return np.stack([found[i] for i in range(len(inputs))])


def _length(text: Input) -> int:
    return len(text) if isinstance(text, str) else len(text[0]) + len(text[1])
