"""The model's files: embeddings.onnx, lower.onnx, one file a tower, tokenizer.json, heads.json, and
SHA256SUMS, which each is held against before it is used."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Self

import orjson
from pydantic import BaseModel, Field, ValidationError, model_validator

from classify.models import checksums, overlap
from classify.models.checksums import SUMS, ModelError

ASSETS = Path(__file__).parent / "assets"
"""The folder of the model that comes with Everyspan."""

EMBEDDINGS, LOWER = "embeddings.onnx", "lower.onnx"
TOKENIZER, HEADS = "tokenizer.json", "heads.json"
#: The tower with the upper layers as they came: one vector a text instead of heads.
GENERAL = "general"
#: What a blend may look at besides `overlap.FEATURES`.
LOGIT, COSINE = "logit", "cosine"


class Blend(BaseModel):
    """A small network over a head's logit and what a pair shows on its face (overlap.py).

    logit = output · tanh(hidden · ((x - mean) / scale) + hidden_bias) + output_bias, x in the order
    of ``features``. Shapes: mean, scale (n), hidden (units, n), hidden_bias, output (units).
    """

    features: list[str]
    mean: list[float]
    scale: list[float]
    hidden: list[list[float]]
    hidden_bias: list[float]
    output: list[float]
    output_bias: float

    @model_validator(mode="after")
    def _fits(self) -> Self:
        width, units = len(self.features), len(self.hidden)
        unknown = set(self.features) - {LOGIT, COSINE, *overlap.FEATURES}
        if unknown:
            raise ValueError(f"unknown features {sorted(unknown)}")
        if {len(self.mean), len(self.scale), *map(len, self.hidden)} != {width}:
            raise ValueError(f"mean, scale and hidden must have {width} columns")
        if {len(self.hidden_bias), len(self.output)} != {units}:
            raise ValueError(f"hidden_bias and output must have {units} numbers")
        return self


class Head(BaseModel):
    """One output of a tower. score = sigmoid((logit - bias) / temperature), a probability; scores
    from ``threshold`` up fail. A head that ``abstains`` judges nothing: it is no better than
    guessing on sources that training has not seen."""

    tower: str
    index: int = Field(ge=0)
    temperature: float = Field(gt=0)
    bias: float = 0.0
    threshold: float = Field(gt=0, lt=1)
    abstains: bool = False
    blend: Blend | None = None


class Heads(BaseModel):
    """heads.json. ``version`` grows with every training that is deployed."""

    version: int = Field(ge=1)
    max_tokens: int = Field(ge=16, le=512)
    heads: dict[str, Head]

    def head(self, name: str) -> Head:
        """Raises ModelError where the model has no such head."""
        found = self.heads.get(name)
        if found is None:
            raise ModelError(
                f"{HEADS}: no head '{name}' among {', '.join(self.heads)}; train the model again"
            )
        return found


def path_of(folder: str, name: str) -> Path:
    """A file of the model in ``folder``, '' for the one that comes with Everyspan.

    Raises ModelError where it is not there.
    """
    path = Path(folder or ASSETS) / name
    if not path.is_file():
        raise ModelError(f"{path} is missing; {checksums.remedy(path)}")
    return path


def tower_of(folder: str, tower: str) -> Path:
    """A tower's file. Raises ModelError."""
    return path_of(folder, f"{tower}.onnx")


def read(folder: str, name: str) -> bytes:
    """A file's bytes, checked. Raises ModelError."""
    return checksums.checked(Path(folder or ASSETS) / name, required=not folder)


def damaged() -> dict[str, str]:
    """Of the model that comes with Everyspan: each file that is not what was installed, and why."""
    return checksums.damaged(ASSETS)


def needed_for(tower: str) -> tuple[str, ...]:
    """Names of the files that a tower stands on, its own too."""
    return (SUMS, HEADS, TOKENIZER, EMBEDDINGS, LOWER, f"{tower}.onnx")


@lru_cache(maxsize=8)
def heads(folder: str = "") -> Heads:
    """What heads.json says. Raises ModelError."""
    data = read(folder, HEADS)
    try:
        return Heads.model_validate(orjson.loads(data))
    except (orjson.JSONDecodeError, ValidationError) as error:
        path = Path(folder or ASSETS) / HEADS
        raise ModelError(f"{path}: {error}; train the model again") from error
