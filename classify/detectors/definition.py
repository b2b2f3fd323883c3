"""detectors.toml: ONNX classifiers from a model hub or a folder, pinned by revision and hash.

One ``[[detector]]`` each; docs/detectors.md has entries for well-known models.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from classify.detectors.reading import Reads
from service.errors import UserError

#: Grows when the same files and entry may give another score than before.
CODE_VERSION = 1
_NAME = re.compile(r"[a-z][a-z0-9-]{1,47}")
_REPOSITORY = re.compile(r"[\w.-]{1,96}(?:/[\w.-]{1,96})?")
_REVISION, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
#: What bears on no score.
_FOR_PEOPLE = frozenset(
    ("licence", "repository", "folder", "revision", "file", "tokenizer", "data")
)
_MOST_BYTES = 1 << 20

Use = Literal["signal", "instead", "second look"]
Activation = Literal["softmax", "sigmoid", "none"]
Share = Annotated[float, Field(gt=0, lt=1)]


class DetectorError(UserError):
    """detectors.toml, or a detector's files, are not as they must be. The text names the detector,
    the field and the remedy."""


class Detector(BaseModel):
    """One entry. ``labels``: what the model's outputs mean, in their order; ``fails``, or the other
    way round ``passes``: which of them mean that a row fails. ``use``: how it has its say, see
    opinion.py. ``threshold``: of the probability that it fails. ``template``: of a pair, where the
    model reads it as one text. ``data``: weights that lie beside the model's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    classifier: str
    use: Use
    reads: Reads
    repository: str = ""
    revision: str = ""
    folder: Path | None = None
    file: str
    sha256: str = ""
    data: str = ""
    data_sha256: str = ""
    tokenizer: str = "tokenizer.json"
    tokenizer_sha256: str = ""
    labels: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]
    fails: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    activation: Activation | None = None
    output: str = ""
    threshold: Share = 0.5
    weight: Share = 0.5
    doubt: tuple[Share, Share] | None = None
    abstained: bool = False
    max_tokens: Annotated[int, Field(ge=16, le=8192)] = 512
    template: str = ""
    licence: Annotated[str, Field(min_length=2, max_length=400)]

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("use 2 to 48 lower-case letters, digits and '-', a letter first")
        return value

    @field_validator("fails", "passes", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("file", "data", "tokenizer")
    @classmethod
    def _lies_within(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or "\\" in value or "\0" in value:
            raise ValueError(f"'{value[:80]}' must be a path within the repository or folder")
        return value

    @field_validator("sha256", "data_sha256", "tokenizer_sha256")
    @classmethod
    def _is_a_hash(cls, value: str) -> str:
        if value and not _SHA256.fullmatch(value.lower()):
            raise ValueError("a SHA-256 has 64 hexadecimal digits")
        return value.lower()

    @field_validator("revision")
    @classmethod
    def _is_a_commit(cls, value: str) -> str:
        if value and not _REVISION.fullmatch(value):
            raise ValueError(
                f"'{value[:60]}' may change under you; write the commit, 40 hexadecimal digits:"
                " leave revision out, and `everyspan detector pull` says which it is now"
            )
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if bool(self.repository) == (self.folder is not None):
            raise ValueError("write either repository or folder")
        if self.repository and not _REPOSITORY.fullmatch(self.repository):
            raise ValueError(f"repository: '{self.repository[:80]}' is no owner/name")
        if not self.file.endswith(".onnx"):
            raise ValueError(
                f"file: '{self.file[:80]}' is no ONNX file; docs/detectors.md says how to export"
                " one"
            )
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels: two outputs have one name")
        if bool(self.fails) == bool(self.passes):
            raise ValueError("write either fails or passes: which of the labels mean that")
        if unknown := sorted({*self.fails, *self.passes} - set(self.labels)):
            raise ValueError(
                f"'{unknown[0][:60]}' is none of the labels: {', '.join(self.labels[:10])}"
            )
        if self.softmax and len({*self.fails, *self.passes}) == len(self.labels):
            raise ValueError("all labels mean the same; some must mean the other")
        if self.doubt and self.use != "second look":
            raise ValueError('doubt: only with use = "second look"')
        if self.doubt and self.doubt[0] >= self.doubt[1]:
            raise ValueError("doubt: write the lower score first")
        if "weight" in self.model_fields_set and self.use != "signal":
            raise ValueError('weight: only with use = "signal"')
        if self.template and self.reads == "text":
            raise ValueError("template: only for pairs; a text is read as it stands")
        wanted = [f"{{{part}}}" for part in self.reads.split(", ")]
        if self.template and any(self.template.count(each) != 1 for each in wanted):
            raise ValueError(f"template: must have {' and '.join(wanted)}, once each")
        return self

    @property
    def softmax(self) -> bool:
        """Whether the probabilities of its labels add up to 1."""
        return self.activation == "softmax" or (not self.activation and len(self.labels) > 1)

    @property
    def pinned(self) -> bool:
        """Whether it says exactly which files it is."""
        pins = [self.sha256, self.tokenizer_sha256]
        pins += [self.revision] if self.repository else []
        pins += [self.data_sha256] if self.data else []
        return all(pins)

    @property
    def mark(self) -> str:
        """Hex digits that change with whatever may change a score."""
        told = self.model_dump(mode="json", exclude=set(_FOR_PEOPLE))
        text = json.dumps([CODE_VERSION, told], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    detector: list[Detector] = Field(default_factory=list)


def read_detectors(path: Path, readers: Mapping[str, Reads]) -> tuple[Detector, ...]:
    """What the file names, in its order. ``readers``: the classifiers that take detectors, and what
    they give to read. A relative ``folder`` is one beside the file. Raises DetectorError."""
    try:
        data = path.read_bytes()
        if len(data) > _MOST_BYTES:
            raise DetectorError(f"{path} is larger than {_MOST_BYTES >> 20} MiB")
        found = _File.model_validate(tomllib.loads(data.decode()))
    except OSError as error:
        raise DetectorError(f"{path} can't be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DetectorError(f"{path} is no TOML: {error}") from error
    except RecursionError as error:
        raise DetectorError(f"{path} is nested too deeply") from error
    except ValidationError as error:
        raise DetectorError(_said(error, path)) from error
    seen: set[str] = set()
    for each in found.detector:
        _check(path, each, seen, readers)
    return tuple(
        each.model_copy(update={"folder": path.parent / each.folder}) if each.folder else each
        for each in found.detector
    )


def _check(path: Path, each: Detector, seen: set[str], readers: Mapping[str, Reads]) -> None:
    if each.name in seen:
        raise DetectorError(f"{path}: there are two detectors '{each.name}'; rename one")
    seen.add(each.name)
    reads = readers.get(each.classifier)
    if reads is None:
        raise DetectorError(
            f"{path}: {each.name}: classifier '{each.classifier[:60]}' takes no detector; use one"
            f" of {', '.join(sorted(readers))}"
        )
    if reads != each.reads:
        raise DetectorError(
            f'{path}: {each.name}: {each.classifier} gives "{reads}" to read, not'
            f' "{each.reads}"; write reads = "{reads}", or another classifier'
        )


def _said(error: ValidationError, path: Path) -> str:
    """The first fault: which entry, which field, what to do."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"] if part != "detector"]
    if where and where[0].isdigit():
        where[0] = f"detector {int(where[0]) + 1}"
    text = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = ", ".join(Detector.model_fields) if len(where) > 1 else "[[detector]]"
        text = f"there is no such field; known are {known}"
    if first["type"] == "missing":
        text = "it is missing; docs/detectors.md says what it holds"
    return ": ".join([str(path), *where, text])


#: A version of a classifier with detectors is its own, times this, and their number.
BESIDE = 10**9


def numbered(detectors: Sequence[Detector]) -> int:
    """A number under BESIDE that changes with whatever may change a score."""
    if not detectors:
        return 0
    marks = ",".join(each.mark for each in detectors)
    return int(hashlib.sha256(marks.encode()).hexdigest()[:12], 16) % (BESIDE - 1) + 1


def own_version(version: int) -> int:
    """Of a classifier, without its detectors. Raises nothing: one without any is as it is."""
    return version // BESIDE if version > BESIDE else version
