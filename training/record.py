"""The uniform training record, and its JSONL form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

Message = dict[str, Any]
"""One message: {"role", "content"} and, for a tool's, whatever the source says of it."""

UNDECIDED = 0.5
"""Label of a text that is neither side's: a trainer leaves it out, no figure counts it."""


@dataclass(slots=True)
class Record:
    """One judged text.

    `label`: 0 healthy, 1 fails; between the two where annotators disagree. `kind` names the attack
    family or the benign family. `group` joins near-duplicates: no split may cut one.
    """

    task: str
    label: float
    kind: str
    input: str | list[Message] = ""
    output: str = ""
    context: list[str] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    source: str = ""
    licence: str = ""
    group: str = ""
    id: str = ""

    def text(self) -> str:
        """Everything that is said in the record, one text: what near-duplicates are found by."""
        said = self.input if isinstance(self.input, str) else "\n".join(map(content, self.input))
        done = [
            f"{step.get('name', '')} {step.get('input', '')} {step.get('output', '')}"
            for step in self.steps
        ]
        return "\n".join(part for part in (said, self.output, *self.context, *done) if part)

    def key(self) -> str:
        """A stable name of the record's content, 16 hex digits."""
        said = [self.task, self.source, self.input, self.output, self.context, self.steps]
        return hashlib.blake2b(
            json.dumps(said, ensure_ascii=True, sort_keys=True, default=str).encode(), digest_size=8
        ).hexdigest()


NAMES = frozenset(f.name for f in fields(Record))


def content(message: Message) -> str:
    """The text of a message, whatever its content's form."""
    said = message.get("content", "")
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def write(path: Path, records: Iterable[Record]) -> int:
    """Write one record a line; returns how many. Lone surrogates become U+FFFD."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", errors="replace") as lines:
        for record in records:
            lines.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
            count += 1
    return count


def read(path: Path) -> Iterator[Record]:
    """The records of one JSONL file.

    Raises ValueError naming file, line and field for a line that is no record.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            values = json.loads(line)
            if unknown := values.keys() - NAMES:
                raise ValueError(
                    f"{path}:{number}: unknown field {sorted(unknown)[0]!r}; remove it"
                )
            for needed in ("task", "label", "kind"):
                if needed not in values:
                    raise ValueError(f"{path}:{number}: {needed!r} is missing; add it")
            yield Record(**values)
