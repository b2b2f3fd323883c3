"""A custom classifier as a TOML file: written by export, read by import, kept in a folder in git.

The file holds the definition, and under ``[learned]`` what was learned from its examples, so that
reading it needs no encoder. A file without that table is learned when it is read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import Definition, DefinitionError, Example, Strict, said
from classify.custom.classifier_store import Record
from classify.custom.value_lists import filled_in

logger = logging.getLogger(__name__)

#: Such a file may be right once another one is.
_NAMES_FILE = re.compile(rb"\bfile\s*=")


class WrittenExample(Example):
    """An example as people write it: ``text``, or ``input`` and ``output``, for ``texts``."""

    @model_validator(mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "texts" in value:
            return value
        rest = {k: v for k, v in value.items() if k not in ("text", "input", "output")}
        texts = [value[k] for k in ("text", "input", "output") if k in value]
        if not texts:
            raise ValueError("needs text, or input and output")
        return {**rest, "texts": texts}


class Learned(Strict):
    """``head``: base64. ``model``: of the vectors that it was learned on."""

    head: str
    model: int
    quality: dict[str, Any] = Field(default_factory=dict)


class Written(Definition):
    """A definition as people write it."""

    examples: list[WrittenExample] = Field(default_factory=list)  # type: ignore[assignment]
    author: Annotated[str, Field(max_length=100)] = ""

    @property
    def definition(self) -> Definition:
        """Without what is for people."""
        return Definition.model_validate(self.model_dump(include=set(Definition.model_fields)))


class ClassifierFile(Written):
    """The whole file."""

    version: int = 1
    learned: Learned | None = None

    @model_validator(mode="after")
    def _learned_of_examples(self) -> Self:
        if self.learned and not self.examples:
            raise ValueError("learned: there are no examples that it could come from; delete it")
        return self


def write(record: Record) -> str:
    """TOML."""
    content: dict[str, Any] = record.definition.model_dump(
        mode="json", exclude_defaults=True, exclude_none=True
    )
    content["version"] = record.version
    if record.author:
        content["author"] = record.author
    if record.head:
        content["learned"] = {
            "model": record.model,
            "quality": _without_none(record.quality),
            "head": base64.b64encode(record.head).decode(),
        }
    return tomli_w.dumps(content, multiline_strings=False)


def read(text: str, within: str = "", source: str = "", folder: Path | None = None) -> Record:
    """``within``: the file's name, for messages. ``folder``: where files of values are that it
    names; None where it may name none. What they hold becomes part of ``source``. Raises
    DefinitionError."""
    try:
        written = tomllib.loads(text)
        if folder is not None:
            written, values = filled_in(written, folder)
            if values:
                source += f"-{hashlib.sha256(values).hexdigest()[:16]}"
        content = ClassifierFile.model_validate(written)
        learned = content.learned
        head = base64.b64decode(learned.head, validate=True) if learned else b""
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{within or 'the file'} is no TOML: {error}") from error
    except RecursionError as error:
        raise DefinitionError(f"{within or 'the file'} is nested too deeply") from error
    except binascii.Error as error:
        raise DefinitionError(f"{within}: learned.head is no base64: {error}") from error
    except ValidationError as error:
        raise DefinitionError(said(error, within)) from error
    return Record(
        content.definition,
        "live",
        content.version,
        head,
        learned.quality if learned else {},
        learned.model if learned else 0,
        content.author,
        source,
    )


class Folder:
    """The classifiers of a folder, kept in step with its files. For one thread.

    A file that can't be read keeps what it was before; a file that is gone takes its classifier
    with it. One that somebody disabled stays disabled until the file changes.
    """

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self._folder, self._catalog = folder, catalog
        self._refused: dict[str, str] = {}

    def read(self) -> int:
        """Take over what changed since. Returns the files that could not be read, which are logged
        once. Raises clickhouse-connect's errors."""
        known = {each.name: each for each in self._catalog.all()}
        there: set[str] = set()
        failed = 0
        for path in sorted(self._folder.glob("*.toml")):
            data = path.read_bytes()
            there.add(path.name)
            source = f"{path.name} {hashlib.sha256(data).hexdigest()[:16]}"
            if self._refused.get(path.name) == source and not _NAMES_FILE.search(data):
                failed += 1
                continue
            try:
                record = read(data.decode(errors="replace"), path.name, source, self._folder)
                mine = known.get(record.name)
                if mine and not mine.source:
                    raise DefinitionError(
                        f"{path.name}: name '{record.name}' is in use by one that was added by"
                        f" hand; `everyspan classifier remove {record.name}` makes room"
                    )
                readable = mine and not mine.set_aside
                if readable and self._catalog.show(record.name).source == record.source:
                    continue
                answer = self._catalog.take(record, replacing=True)
            except DefinitionError as error:
                failed += 1
                if self._refused.get(path.name) != source:
                    logger.error("%s is not taken over: %s", path, error)
                self._refused[path.name] = source
                continue
            logger.info("%s: %s version %d is %s", path, answer.name, answer.version, answer.state)
        for name, each in known.items():
            if each.source and each.source not in there:
                self._catalog.remove(name)
                logger.info("%s is gone, and %s with it", each.source, name)
        return failed


def _without_none(value: Any) -> Any:
    """TOML has no null."""
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_none(v) for v in value if v is not None]
    return value
