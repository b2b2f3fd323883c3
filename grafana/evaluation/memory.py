"""What must survive a restart: which alerts fire since when, and what was told of them."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from grafana.evaluation.states import Instance

log = logging.getLogger(__name__)

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
        """Without what can't be read, which is logged; empty where there is no file. What fires is
        then told again."""
        memory = cls(path)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return memory
        except (OSError, ValueError) as error:
            log.error("%s can't be read, what fires is told again: %s", path, error)
            return memory
        whole = document if isinstance(document, dict) else {}
        instances, groups = whole.get("instances"), whole.get("groups")
        lost = [
            name
            for name, each in (("instances", instances), ("groups", groups))
            if not isinstance(each, dict)
        ]
        for uid, each in instances.items() if isinstance(instances, dict) else ():
            try:
                found = _INSTANCES.validate_python(each, strict=False)
                memory.instances[uid] = {instance.fingerprint: instance for instance in found}
            except ValidationError:
                lost.append(f"rule {uid}")
        for key, each in groups.items() if isinstance(groups, dict) else ():
            try:
                memory.groups[key] = _GROUP.validate_python(each)
            except ValidationError:
                lost.append(f"group {key}")
        if lost:
            log.error("%s: set aside, what fires is told again: %s", path, ", ".join(lost))
        return memory


_INSTANCES: TypeAdapter[list[Instance]] = TypeAdapter(list[Instance])
_GROUP: TypeAdapter[Group] = TypeAdapter(Group)


def _plain(instance: Instance) -> dict[str, Any]:
    values = asdict(instance)
    return values | {k: values[k].isoformat() for k in _TIMES if values[k] is not None}
