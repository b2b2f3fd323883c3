"""The model's files: encoder.onnx, tokenizer.json, heads.json, in one folder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import orjson
from pydantic import BaseModel, Field, ValidationError

ASSETS = Path(__file__).parent / "assets"
"""The folder of the model that comes with Everyspan."""

ENCODER, TOKENIZER, HEADS = "encoder.onnx", "tokenizer.json", "heads.json"


class ModelError(Exception):
    """A file of the model is missing or not in the form it must have. The text says which, and
    what to do."""


class Head(BaseModel):
    """One output of the encoder. score = sigmoid((logit - bias) / temperature), a probability;
    scores from ``threshold`` up fail."""

    index: int = Field(ge=0)
    temperature: float = Field(gt=0)
    bias: float = 0.0
    threshold: float = Field(gt=0, lt=1)


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
        raise ModelError(
            f"{path} is missing; install Everyspan again (its package carries the model), or set"
            " EVERYSPAN_CLASSIFY_MODEL to a folder that holds"
            f" {ENCODER}, {TOKENIZER} and {HEADS}"
        )
    return path


@lru_cache(maxsize=8)
def heads(folder: str = "") -> Heads:
    """What heads.json says. Raises ModelError."""
    path = path_of(folder, HEADS)
    try:
        return Heads.model_validate(orjson.loads(path.read_bytes()))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise ModelError(f"{path}: {error}; train the model again") from error
