"""What is trained on what: heads.yaml and held_out.yaml, and the samples of every head."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from training.inputs import Sample, samples
from training.record import read

SEED = 20261124
#: One group in this many checks the training and calibrates it.
_CHECK = 10
_HERE = Path(__file__).parent
#: No sample may count more than this, however few its label has.
_HEAVIEST = 4.0


@dataclass(slots=True)
class Plan:
    """A head's entry of heads.yaml, and its samples. ``check``: other groups of the sources that
    ``train`` has; ``held``: whole sources that it has not."""

    head: str
    tower: str
    samples: int
    train: list[Sample] = field(default_factory=list)
    check: list[Sample] = field(default_factory=list)
    held: list[Sample] = field(default_factory=list)


def plans(tower: str) -> list[Plan]:
    """The heads of a tower, without samples, by name. Raises SystemExit for no such tower."""
    entries: dict[str, dict[str, Any]] = yaml.safe_load((_HERE / "heads.yaml").read_text())
    found = [Plan(head, **entry) for head, entry in sorted(entries.items())]
    chosen = [plan for plan in found if plan.tower == tower]
    if not chosen:
        known = ", ".join(sorted({plan.tower for plan in found}))
        raise SystemExit(f"--tower {tower}: heads.yaml has {known}")
    return chosen


def gather(plan: Plan, data: Path, a_source: int) -> None:
    """Fill the plan's samples: at most ``a_source`` of one source and label."""
    held_out = yaml.safe_load((_HERE / "held_out.yaml").read_text()).get(plan.head, [])
    for path in sorted((data / plan.head).glob("*.jsonl")):
        each = [sample for record in read(path) for sample in samples(record)]
        random.Random(SEED).shuffle(each)
        for label in (0.0, 1.0):
            chosen = [sample for sample in each if sample.label == label][:a_source]
            if path.stem in held_out:
                plan.held += chosen
                continue
            for sample in chosen:
                check = int(sample.group[:4] or "0", 16) % _CHECK == 0
                (plan.check if check else plan.train).append(sample)


def balanced(train: list[Sample], size: int, seed: int) -> list[tuple[Sample, float]]:
    """At most ``size`` samples, half of each label, sources drawn evenly, with weights that make
    the labels count alike. Another ``seed`` draws others."""
    rng = random.Random(seed)
    chosen: list[tuple[Sample, float]] = []
    for label in (0.0, 1.0):
        by_source: dict[str, list[Sample]] = defaultdict(list)
        for sample in train:
            if sample.label == label:
                by_source[sample.source].append(sample)
        for each in by_source.values():
            rng.shuffle(each)
        taken: list[Sample] = []
        while len(taken) < size // 2 and any(by_source.values()):
            for each in by_source.values():
                if each and len(taken) < size // 2:
                    taken.append(each.pop())
        weight = min(_HEAVIEST, size / 2 / max(1, len(taken)))
        chosen += [(sample, weight) for sample in taken]
    rng.shuffle(chosen)
    return chosen
