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

from classify.training.model import WIDTH


def lower(model: nn.Module, path: Path) -> None:
    """Writes what stands below the towers: ids to states."""
    sample = tuple(torch.ones(2, 16, dtype=torch.long) for _ in range(3))
    axes = {0: "batch", 1: "tokens"}
    names = ["input_ids", "attention_mask", "token_type_ids"]
    _write(model, sample, names, "states", dict.fromkeys([*names, "states"], axes), path)


def tower(model: nn.Module, path: Path) -> None:
    """Writes a tower: states to logits, or to vectors."""
    sample = (torch.ones(2, 16, WIDTH), torch.ones(2, 16, dtype=torch.long))
    axes = {0: "batch", 1: "tokens"}
    names = ["states", "attention_mask"]
    _write(model, sample, names, "out", {**dict.fromkeys(names, axes), "out": {0: "batch"}}, path)


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
        model.eval(),
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
