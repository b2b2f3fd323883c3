"""The model's files: embeddings.onnx, lower.onnx, one file a tower, tokenizer.json, heads.json, and
SHA256SUMS, which each is held against before it is used."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from classify.models import checksums
from classify.models.checksums import SUMS, ModelError

ASSETS = Path(__file__).parent / "assets"
"""The folder of the model that comes with Everyspan."""

EMBEDDINGS, LOWER = "embeddings.onnx", "lower.onnx"
TOKENIZER, HEADS = "tokenizer.json", "heads.json"
#: The tower with the upper layers as they came: one vector a text instead of heads.
GENERAL = "general"


class Head(BaseModel):
    """One output of a tower: a logit, higher is worse. It is one signal of a classifier among
    others, and its combiner (signals/combiner.py) makes a probability of it."""

    model_config = ConfigDict(extra="forbid")

    tower: str
    index: int = Field(ge=0)


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
