"""all-MiniLM-L6-v2 with a small head for each task, and its lowest layers frozen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

#: Layers that keep the weights they came with: what they know of language stays general.
FROZEN = 3
_HIDDEN = 64


class Judge(nn.Module):
    """``below`` gives the states of the frozen layers, ``above`` the logits of all heads."""

    def __init__(self, weights: dict[str, Tensor], heads: list[str]) -> None:
        super().__init__()
        # Typed for fewer arguments than it takes.
        make: Any = BertConfig
        config = make(
            vocab_size=30522,
            hidden_size=384,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1536,
            max_position_embeddings=512,
            attn_implementation="eager",
        )
        self.encoder = BertModel(config, add_pooling_layer=False)
        known = {
            k.removeprefix("0.auto_model.").removeprefix("bert."): v for k, v in weights.items()
        }
        missing, _ = self.encoder.load_state_dict(known, strict=False)
        if [name for name in missing if "position_ids" not in name]:
            raise ValueError(f"the weights lack {missing[:3]}")
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(0.1), nn.Linear(768, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, 1)
            )
            for _ in heads
        )
        for parameter in self.encoder.embeddings.parameters():
            parameter.requires_grad = False
        for layer in self.encoder.encoder.layer[:FROZEN]:
            for parameter in layer.parameters():
                parameter.requires_grad = False

    def below(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """States after the frozen layers, [batch, tokens, 384]."""
        states = self.encoder.embeddings(input_ids=ids, token_type_ids=types)
        return self._layers(states, mask, slice(0, FROZEN))

    def above(self, states: Tensor, mask: Tensor) -> Tensor:
        """Logits, [batch, heads]."""
        states = self._layers(states, mask, slice(FROZEN, None))
        weights = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * weights).sum(1) / weights.sum(1).clamp(min=1.0)
        pooled = torch.cat([states[:, 0], mean], dim=1)
        return torch.cat([head(pooled) for head in self.heads], dim=1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Logits, [batch, heads]."""
        states = self.below(input_ids, attention_mask, token_type_ids)
        return self.above(states, attention_mask)

    def _layers(self, states: Tensor, mask: Tensor, which: slice) -> Tensor:
        hidden = (1.0 - mask[:, None, None, :].to(states.dtype)) * -10000.0
        for layer in self.encoder.encoder.layer[which]:
            found: Any = layer(states, hidden)
            states = found[0] if isinstance(found, tuple) else found
        return states
