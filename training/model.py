"""all-MiniLM-L6-v2 in storeys: embeddings and lower layers as they came, and towers on them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

#: Layers below the towers that share them. They keep the weights they came with.
SHARED = 3
WIDTH = 384
_HIDDEN = 64


class Embeddings(nn.Module):
    """Tokens to states [batch, tokens, 384], as they came."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.embeddings = _frozen(_bert(weights).embeddings)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        """States before the first layer."""
        found: Tensor = self.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
        return found


class Lower(nn.Module):
    """The shared layers, as they came: states to states."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.layers = _frozen(_bert(weights).encoder.layer[:SHARED])

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """States after the shared layers."""
        return _through(self.layers, states, attention_mask)


class Tower(nn.Module):
    """The upper layers and a head for each task: logits [batch, heads] from states and mask."""

    def __init__(self, weights: dict[str, Tensor], heads: list[str]) -> None:
        super().__init__()
        self.layers = _bert(weights).encoder.layer[SHARED:]
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(0.1), nn.Linear(2 * WIDTH, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, 1)
            )
            for _ in heads
        )

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits."""
        states = _through(self.layers, states, attention_mask)
        pooled = torch.cat([states[:, 0], _mean(states, attention_mask)], dim=1)
        return torch.cat([head(pooled) for head in self.heads], dim=1)


class General(nn.Module):
    """The upper layers as they came: the mean of the states, [batch, 384], not normalised."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.layers = _bert(weights).encoder.layer[SHARED:]

    def forward(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """The vector of each text."""
        return _mean(_through(self.layers, states, attention_mask), attention_mask)


def _frozen(module: Any) -> Any:
    for parameter in module.parameters():
        parameter.requires_grad = False
    return module


def _bert(weights: dict[str, Tensor]) -> Any:
    # Typed for fewer arguments than it takes.
    make: Any = BertConfig
    config = make(
        vocab_size=30522,
        hidden_size=WIDTH,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=512,
        attn_implementation="eager",
    )
    bert = BertModel(config, add_pooling_layer=False)
    known = {k.removeprefix("0.auto_model.").removeprefix("bert."): v for k, v in weights.items()}
    missing, _ = bert.load_state_dict(known, strict=False)
    if [name for name in missing if "position_ids" not in name]:
        raise ValueError(f"the weights lack {missing[:3]}")
    return bert


def _through(layers: Any, states: Tensor, mask: Tensor) -> Tensor:
    """The layers, written out in the form that onnxruntime's optimizer fuses."""
    hidden = (1.0 - mask.unsqueeze(1).unsqueeze(2).to(states.dtype)) * -10000.0
    for layer in layers:
        attention, output = layer.attention.self, layer.attention.output
        heads, each = attention.num_attention_heads, attention.attention_head_size
        shape = (states.shape[0], states.shape[1], heads, each)
        query = attention.query(states).view(shape).permute(0, 2, 1, 3)
        key = attention.key(states).view(shape).permute(0, 2, 1, 3)
        value = attention.value(states).view(shape).permute(0, 2, 1, 3)
        weights = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(each) + hidden, dim=-1)
        context = (weights @ value).permute(0, 2, 1, 3).contiguous()
        context = context.view(states.shape[0], states.shape[1], heads * each)
        states = output.LayerNorm(output.dense(context) + states)
        wide = nn.functional.gelu(layer.intermediate.dense(states))
        states = layer.output.LayerNorm(layer.output.dense(wide) + states)
    return states


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1.0)
