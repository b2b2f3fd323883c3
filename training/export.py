"""The model as ONNX: fused, int8, with the files that the service reads beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from torch import nn

from training.model import WIDTH

_STATES = (torch.ones(2, 16, WIDTH), torch.ones(2, 16, dtype=torch.long))


def embeddings(model: nn.Module, path: Path) -> None:
    """Writes ids to states."""
    sample = tuple(torch.ones(2, 16, dtype=torch.long) for _ in range(2))
    axes = {0: "batch", 1: "tokens"}
    names = ["input_ids", "token_type_ids"]
    _write(model, sample, names, "embedded", dict.fromkeys([*names, "embedded"], axes), path)


def lower(model: nn.Module, path: Path) -> None:
    """Writes the shared layers: states to states."""
    axes = {0: "batch", 1: "tokens"}
    names = ["embedded", "attention_mask"]
    _write(model, _STATES, names, "states", dict.fromkeys([*names, "states"], axes), path)


def tower(model: nn.Module, path: Path) -> None:
    """Writes a tower: states to logits, or to vectors."""
    axes = {0: "batch", 1: "tokens"}
    names = ["states", "attention_mask"]
    _write(model, _STATES, names, "out", {**dict.fromkeys(names, axes), "out": {0: "batch"}}, path)


def tokenizer(source: Path, out: Path) -> None:
    """Writes tokenizer.json, without truncation and padding: the service sets its own."""
    document = json.loads(source.read_text(encoding="utf-8"))
    document["truncation"] = document["padding"] = None
    out.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def _write(
    model: nn.Module,
    sample: tuple[torch.Tensor, ...],
    names: list[str],
    output: str,
    axes: dict[str, Any],
    path: Path,
) -> None:
    plain, fused = path.with_suffix(".plain"), path.with_suffix(".fused")
    torch.onnx.export(
        model.cpu().eval(),
        sample,
        str(plain),
        input_names=names,
        output_names=[output],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    optimizer.optimize_model(
        str(plain), model_type="bert", num_heads=12, hidden_size=WIDTH
    ).save_model_to_file(str(fused))
    quantize_dynamic(
        str(fused),
        str(path),
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    plain.unlink()
    fused.unlink()
