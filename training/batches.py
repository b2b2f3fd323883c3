"""Texts to tensors, and what a tower in training says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.logits import MAX_TOKENS, Floats
from training.model import Embeddings, Lower, Tower


class Reader:
    """The tokenizer and what stands below the towers, for one tower."""

    def __init__(
        self,
        below: tuple[Embeddings, Lower],
        tower: Tower,
        tokenizer: Path,
        device: str,
        mixed: bool = False,
    ) -> None:
        from tokenizers import Tokenizer

        self.device = torch.device(device)
        self.embeddings, self.lower = (each.eval().to(self.device) for each in below)
        self.tower = tower.to(self.device)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._tokens: dict[str, tuple[Any, Any]] = {}
        self.mixed = mixed

    def precision(self) -> torch.autocast:
        """What the matrices are multiplied in: bfloat16 where that was asked for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed)

    def states(self, inputs: list[str]) -> tuple[Tensor, Tensor]:
        """States after the shared layers [batch, tokens, 384] and mask [batch, tokens] of inputs,
        padded to the longest."""
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
            return self.lower(self.embeddings(told, shown), kept), kept

    def logits(self, head: int, inputs: list[str]) -> Floats:
        """The head's logit for each input."""
        self.tower.eval()
        order = sorted(range(len(inputs)), key=lambda i: len(inputs[i]))
        found = np.zeros(len(inputs))
        with torch.no_grad(), self.precision():
            for at in range(0, len(order), 64):
                chunk = order[at : at + 64]
                rows = self.tower(*self.states([inputs[i] for i in chunk]))
                found[chunk] = rows.double().cpu().numpy()[:, head]
        self.tower.train()
        return found
