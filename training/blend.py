"""Fits a head's blend: a small network over its logit and what a pair shows on its face."""

from __future__ import annotations

import random
from collections import Counter

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from classify.models import encoder, files
from training.inputs import Sample
from training.logits import Floats, Judge
from training.plan import SEED

_UNITS = 12
_STEPS = 600


def shown(judge: Judge, features: list[str], head: int, each: list[Sample]) -> Floats:
    """What the blend looks at, shape (len(each), len(features)). Each sample has one input."""
    pairs = [sample.choices[0] for sample in each]
    return encoder.shown(
        features, pairs, lambda: judge.logits(head, pairs), lambda: judge.cosines(pairs)
    )


def fit(features: list[str], table: Floats, each: list[Sample]) -> files.Blend:
    """Labels and sources count alike; seeded, full batches."""
    torch.manual_seed(SEED)
    sizes = Counter((sample.source, sample.label) for sample in each)
    weights = torch.tensor([1.0 / sizes[sample.source, sample.label] for sample in each])
    weights = weights / weights.mean()
    labels = torch.tensor([sample.label for sample in each])
    mean, scale = table.mean(axis=0), table.std(axis=0) + 1e-6
    inputs = torch.tensor((table - mean) / scale, dtype=torch.float32)
    hidden, output = nn.Linear(len(features), _UNITS), nn.Linear(_UNITS, 1)
    network = nn.Sequential(hidden, nn.Tanh(), output)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.02, weight_decay=0.05)
    for _ in range(_STEPS):
        loss = binary_cross_entropy_with_logits(network(inputs)[:, 0], labels, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return files.Blend(
        features=features,
        mean=_rounded(mean),
        scale=_rounded(scale),
        hidden=[_rounded(row) for row in hidden.weight.detach().numpy()],
        hidden_bias=_rounded(hidden.bias.detach().numpy()),
        output=_rounded(output.weight.detach().numpy()[0]),
        output_bias=round(float(output.bias), 6),
    )


def logits(blend: files.Blend, judge: Judge, head: int, each: list[Sample]) -> Floats:
    """The blend's logit for each sample."""
    return encoder.blended(blend, shown(judge, blend.features, head, each))


def halves(each: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """One to fit, one to calibrate; a group is in one of them."""
    groups = sorted({sample.group for sample in each})
    random.Random(SEED).shuffle(groups)
    first = set(groups[: len(groups) // 2])
    return (
        [sample for sample in each if sample.group in first],
        [sample for sample in each if sample.group not in first],
    )


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 6) for value in values]
