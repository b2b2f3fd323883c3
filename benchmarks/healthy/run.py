"""False fails on healthy public traffic: traces of six kinds, judged as the service judges them.

    python benchmarks/healthy/run.py [--mirror DIR] [--share 1.0] [--seed N] [--jsonl FILE] [NAME …]

For each classifier: rows that it looks at, judged ones, false fails of 10,000 judged, the worst.
Snapshots are fetched from GitHub, or read from DIR/owner+name/repo.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import yaml  # noqa: E402

from benchmarks.healthy.readers import READERS, Exchange, Session  # noqa: E402
from classify.classifier import NOT_APPLICABLE, Subject, Trace, applies  # noqa: E402
from classify.registry import BUILT_IN  # noqa: E402
from clickhouse.span import Span, Verdict  # noqa: E402
from training.mirror import NotInSnapshot, open_snapshot  # noqa: E402

_SECOND = 10**9
_BATCH = 128


@dataclass(frozen=True)
class Row:
    """A span in its trace, with what it came from. ``seen_by``: classifiers that its source served
    in training; they are not counted on it."""

    kind: str
    source: str
    subject: Subject
    seen_by: tuple[str, ...] = ()


def sessions(source: dict[str, Any], mirror: Path | None, cache: Path, seed: int) -> list[Session]:
    """All of the source, in an order that the seed gives."""
    snapshot = open_snapshot(
        source["repository"], source["commit"], cache, mirror, tuple(source["paths"])
    )
    try:
        found = list(READERS[source["reader"]](snapshot))
    except NotInSnapshot as error:
        raise SystemExit(f"{source['repository']}: {error}") from error
    # Each text once: a phrase that fails would count as often as it is repeated.
    seen: set[str] = set()
    fresh = []
    Random(seed).shuffle(found)
    for session in found:
        if session[0].asked not in seen:
            seen.add(session[0].asked)
            fresh.append(session)
    return fresh


def traces(source: dict[str, Any], found: list[Session], share: float) -> Iterator[Trace]:
    """At most ``traces`` of them. A session's later traces hold the earlier ones."""
    wanted = max(1, round(source["traces"] * share))
    number = 0
    for session in found:
        earlier: list[Trace] = []
        for exchange in session:
            if number == wanted:
                return
            number += 1
            made = Trace(tuple(_spans(exchange, f"{source['repository']}:{number}", number)))
            yield Trace(made.spans, tuple(earlier))
            earlier.append(made)


def _spans(exchange: Exchange, name: str, number: int) -> Iterator[Span]:
    trace_id = f"{hash_of(name):032x}"
    count = 0

    def span(kind: str, **fields: Any) -> Span:
        nonlocal count
        count += 1
        return Span(
            trace_id, f"{count:016x}", parent_span_id="" if count == 1 else f"{1:016x}", name=kind,
            step_kind=kind, start_time=(number * 100 + count) * _SECOND, duration_ms=400, **fields,
        )  # fmt: skip

    root = span("agent", input=exchange.asked, output=exchange.answer)
    root.duration_ms = 60_000
    yield root
    if exchange.documents:
        yield span("retrieval", input=exchange.asked, documents=exchange.documents)
    for tool, arguments, result in exchange.calls:
        yield span("tool", tool_name=tool, input=json.dumps(arguments), output=result)
    yield span("llm", input=exchange.asked, output=exchange.answer)


def hash_of(name: str) -> int:
    """The same in each run."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest())


def judged(rows: list[Row], names: Collection[str] = ()) -> dict[str, list[tuple[Row, Verdict]]]:
    """By classifier, all or those named: what it says of the rows that it looks at."""
    found: dict[str, list[tuple[Row, Verdict]]] = defaultdict(list)
    for classifier in BUILT_IN:
        if names and classifier.name not in names:
            continue
        mine = [
            row
            for row in rows
            if (classifier.unit == "span" or row.subject.span is row.subject.trace.root)
            and applies(classifier, row.subject.span)
            and classifier.name not in row.seen_by
        ]
        start = time.perf_counter()
        for at in range(0, len(mine), _BATCH):
            some = mine[at : at + _BATCH]
            verdicts = classifier.judge([row.subject for row in some])
            found[classifier.name] += [
                (row, verdict)
                for row, verdict in zip(some, verdicts, strict=True)
                if verdict != NOT_APPLICABLE
            ]
        spent = time.perf_counter() - start
        print(f"{classifier.name}: {len(mine)} rows, {spent:.0f} s", file=sys.stderr, flush=True)
    return found


def table(found: dict[str, list[tuple[Row, Verdict]]]) -> Iterator[str]:
    """A line a classifier."""
    yield "| classifier | applicable | judged | false fails | of 10,000 judged | by kind |"
    yield "|---|---:|---:|---:|---:|---|"
    for name, each in found.items():
        applicable = [v for _, v in each if v.label != "not_applicable"]
        told = [v for v in applicable if v.label in ("pass", "fail")]
        fails = Counter(row.kind for row, v in each if v.label == "fail")
        count = sum(fails.values())
        rate = f"{1e4 * count / len(told):.1f}" if told else "-"
        kinds = ", ".join(f"{kind} {n}" for kind, n in fails.most_common())
        share = f"{len(told)}" + (f" ({len(told) / len(applicable):.0%})" if applicable else "")
        yield f"| {name} | {len(applicable)} | {share} | {count} | {rate} | {kinds} |"


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Where the traces come from, and which are drawn."""
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/everyspan-healthy")
    parser.add_argument("--share", type=float, default=1.0, help="of each source's traces")
    parser.add_argument("--seed", type=int, default=20261130, help="which traces are drawn")


def rows_of(given: argparse.Namespace) -> list[Row]:
    """The spans of all sources, trace by trace; says how many there are."""
    rows: list[Row] = []
    kinds: Counter[str] = Counter()
    languages: set[str] = set()
    for source in yaml.safe_load(Path(__file__).with_name("sources.yaml").read_text()):
        found = sessions(source, given.mirror, given.cache, given.seed)
        made = list(traces(source, found, given.share))
        kinds[source["kind"]] += len(made)
        languages.update(source["languages"])
        rows += [
            Row(
                source["kind"], source["repository"], Subject(span, trace),
                tuple(source.get("seen_by", ())),
            )
            for trace in made
            for span in trace.spans
        ]  # fmt: skip
    print(
        f"{kinds.total()} traces, {len(rows)} rows, {len(languages)} languages: "
        + ", ".join(f"{kind} {n}" for kind, n in kinds.items()),
        flush=True,
    )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_source_options(parser)
    parser.add_argument("names", nargs="*", metavar="NAME", help="classifiers, all by default")
    parser.add_argument("--worst", type=int, default=8, help="examples a classifier")
    parser.add_argument("--jsonl", type=Path, help="every false fail, one a line")
    given = parser.parse_args()
    found = judged(rows_of(given), given.names)
    print("\n".join(table(found)))
    lines = []
    for name, each in found.items():
        fails = sorted(
            (pair for pair in each if pair[1].label == "fail"), key=lambda p: -p[1].score
        )
        for number, (row, verdict) in enumerate(fails):
            span = row.subject.span
            lines.append(
                {"classifier": name, "kind": row.kind, "source": row.source, "step": span.step_kind}
                | {"score": round(verdict.score, 4), "evidence": verdict.evidence}
                | {"input": span.input[:400], "output": span.output[:400]}
            )
            if number < given.worst:
                where = f"[{row.kind}, {span.step_kind}]"
                print(f"  {name} {verdict.score:.3f} {where} {verdict.evidence}")
    if given.jsonl is not None:
        given.jsonl.write_text(
            "\n".join(json.dumps(one, ensure_ascii=False) for one in lines) + "\n"
        )


if __name__ == "__main__":
    main()
