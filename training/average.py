"""Averages the weights of one tower over several trainings, and calibrates what comes out.

    python -m training.average --data DATA --tower safety --out OUT RUN RUN RUN

Trainings that begin at the same weights and see their samples in another order, rate or number of
epochs end in one valley; its middle does better on sources that none of them saw than each of them
(Wortsman et al. 2022, Model soups). Works on the int8 files: what is calibrated is what runs.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from classify.models import checksums
from classify.models.files import EMBEDDINGS, GENERAL, HEADS, LOWER, TOKENIZER
from training.calibrate import calibrate
from training.logits import MAX_TOKENS, Int8
from training.plan import gather, plans

_QUANTIZED, _SCALE, _ZERO = "_quantized", "_scale", "_zero_point"
#: In the names of some exports, for the same matrix.
_NOISE = "_Transposed"

Weights = dict[str, NDArray[Any]]


def main() -> None:
    """See the module."""
    options = _options()
    heads = plans(options.tower)
    for plan in heads:
        gather(plan, options.data, options.a_source)
    options.out.mkdir(parents=True, exist_ok=True)
    first = options.runs[0]
    for name in (EMBEDDINGS, LOWER, f"{GENERAL}.onnx", TOKENIZER):
        shutil.copyfile(first / name, options.out / name)
    average([run / f"{options.tower}.onnx" for run in options.runs], options.out)
    known = options.out / HEADS
    if not known.exists():
        known.write_text(json.dumps({"version": 1, "max_tokens": MAX_TOKENS, "heads": {}}))
    # What lay there before is another model's.
    (options.out / checksums.SUMS).unlink(missing_ok=True)
    calibrate(Int8(options.out, options.tower, options.threads), heads, options)
    checksums.write(options.out)


def average(towers: list[Path], out: Path) -> None:
    """Writes the mean of int8 files of one tower into the folder ``out``, under their name.

    Raises ValueError where they are not of one form.
    """
    models = [onnx.load(str(path)) for path in towers]
    weights: list[Weights] = [
        {_name(each): numpy_helper.to_array(each) for each in model.graph.initializer}
        for model in models
    ]
    mean: dict[str, Any] = {}
    for name, values in weights[0].items():
        if any(name not in each or each[name].shape != values.shape for each in weights):
            raise ValueError(f"{name}: not in each of {', '.join(map(str, towers))}")
        if name.endswith(_QUANTIZED):
            stem = name.removesuffix(_QUANTIZED)
            plain: NDArray[Any] = np.mean([_plain(each, stem) for each in weights], axis=0)
            scale = float(np.abs(plain).max()) / 127
            mean[name] = np.round(plain / scale).astype(np.int8)
            mean[stem + _SCALE] = np.full(weights[0][stem + _SCALE].shape, scale, np.float32)
        elif values.dtype == np.float32 and name not in mean and not name.endswith(_SCALE):
            mean[name] = np.mean([each[name] for each in weights], axis=0, dtype=np.float32)
    for each in models[0].graph.initializer:
        if _name(each) in mean:
            each.CopyFrom(numpy_helper.from_array(mean[_name(each)], each.name))
    onnx.save(models[0], str(out / towers[0].name))


def _name(initializer: onnx.TensorProto) -> str:
    return str(initializer.name).replace(_NOISE, "")


def _plain(weights: Weights, stem: str) -> NDArray[np.float32]:
    if weights[stem + _ZERO].any():
        raise ValueError(f"{stem}: quantized with an offset, which this can't average")
    found: NDArray[np.float32] = weights[stem + _QUANTIZED] * weights[stem + _SCALE]
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="--out folders of trainings")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tower", required=True, help="of heads.yaml")
    parser.add_argument("--a-source", type=int, default=4000, help="samples of a source and label")
    parser.add_argument("--held", type=int, default=1000, help="held-out samples measured a head")
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
