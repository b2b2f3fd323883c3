"""The model as ONNX: fused, int8, with the files that the service reads beside it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer

from classify.training.measure import Result
from classify.training.model import Judge


def export(model: Judge, out: Path, tokenizer: str) -> None:
    """Writes encoder.onnx (int8) and tokenizer.json."""
    plain, fused = out / "plain.onnx", out / "fused.onnx"
    sample = tuple(torch.ones(2, 16, dtype=torch.long) for _ in range(3))
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "tokens"} for name in names}
    torch.onnx.export(
        model,
        sample,
        str(plain),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={**axes, "logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    optimizer.optimize_model(
        str(plain), model_type="bert", num_heads=12, hidden_size=384
    ).save_model_to_file(str(fused))
    quantize_dynamic(
        str(fused),
        str(out / "encoder.onnx"),
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    plain.unlink()
    fused.unlink()
    document = json.loads(Path(tokenizer).read_text(encoding="utf-8"))
    document["truncation"] = document["padding"] = None
    (out / "tokenizer.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def write_heads(
    out: Path, names: list[str], results: dict[str, Result], version: int, max_tokens: int
) -> None:
    """Writes heads.json for the service, and measures.json with every figure."""
    heads = {
        name: {
            "index": index,
            "temperature": round(results[name].temperature, 6),
            "bias": round(results[name].bias, 6),
            "threshold": round(results[name].threshold, 6),
        }
        for index, name in enumerate(names)
    }
    document = {"version": version, "max_tokens": max_tokens, "heads": heads}
    (out / "heads.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    figures = {name: asdict(result) for name, result in results.items()}
    (out / "measures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
