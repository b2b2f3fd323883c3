"""What must survive a restart: which alerts fire since when, and what was told of them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from grafana.evaluation.states import Instance

_TIMES = ("since", "starts_at", "ends_at")


@dataclass(slots=True)
class Group:
    """``first``: when it first had something to tell, ``told``: when it last did, ``content``:
    fingerprint to what was told of it; times in seconds since 1970."""

    first: float
    told: float = 0.0
    content: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """``instances``: rule uid to fingerprint to alert; ``groups``: by receiver and group key."""

    path: Path
    instances: dict[str, dict[str, Instance]] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)

    def write(self) -> None:
        """Whole, or not at all. Raises OSError."""
        document = {
            "instances": {
                uid: [_plain(instance) for instance in each.values()]
                for uid, each in self.instances.items()
                if each
            },
            "groups": {key: asdict(group) for key, group in self.groups.items()},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    @classmethod
    def read(cls, path: Path) -> Memory:
        """Empty where there is none, or where it can't be read: then what fires is told again."""
        memory = cls(path)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            for uid, each in document["instances"].items():
                found = [_instance(values) for values in each]
                memory.instances[uid] = {instance.fingerprint: instance for instance in found}
            memory.groups = {key: Group(**values) for key, values in document["groups"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)
        return memory


def _plain(instance: Instance) -> dict[str, Any]:
    values = asdict(instance)
    return values | {k: values[k].isoformat() for k in _TIMES if values[k] is not None}


def _instance(values: dict[str, Any]) -> Instance:
    times = {k: datetime.fromisoformat(values[k]) for k in _TIMES if values[k] is not None}
    return Instance(**(values | times))
