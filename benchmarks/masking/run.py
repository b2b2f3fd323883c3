"""What masking takes out, of what is personal and of what is not, and what it costs.

    python benchmarks/masking/run.py [--each 500] [--mirror DIR] [--share 1.0] [--seed N]

Three tables. Details of twenty kinds, made from a seed as in tests/ingest/personal.py: how many are
left. Public traffic of benchmarks/healthy: which texts get a mark, to be read by a person. And the
processor time of preparing the same requests with and without, beside each other in one run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from everyspan.masking.pseudonyms import KINDS, Pseudonyms  # noqa: E402

from benchmarks.healthy.run import add_source_options, rows_of  # noqa: E402
from benchmarks.ingest import load  # noqa: E402
from ingest.limits import ContentLimits  # noqa: E402
from ingest.normalise import normalise  # noqa: E402
from ingest.privacy.masker import Masker  # noqa: E402
from ingest.privacy.privacy_file import PrivacyRules  # noqa: E402
from tests.ingest import personal  # noqa: E402
from tests.ingest.otlp_payloads import decode_traces  # noqa: E402

_ROUNDS = 15


def left(each: int, seed: int) -> None:
    """Of each kind how many values are still there, whole or in part."""
    there: Counter[str] = Counter()
    masked = Pseudonyms(KINDS, "a key of this benchmark")
    for name, value, said in personal.values(seed, each):
        stored = masked.text(said)
        there[name] += any(part in stored for part in personal.tell_tale(value))
    print("| kind | values | left |\n|---|---:|---:|")
    for name in personal.KINDS:
        print(f"| {name} | {each} | {there[name]} |")


def marks(given: argparse.Namespace) -> None:
    """Of public texts, by kind."""
    texts: Counter[str] = Counter()
    shown: dict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    characters = 0
    for row in rows_of(given):
        span = row.subject.span
        for text in (span.input, span.output, *span.documents):
            if text in seen:
                continue
            seen.add(text)
            characters += len(text)
            masked = Pseudonyms(KINDS)
            stored = masked.text(text)
            for kind in masked.counts:
                texts[kind] += 1
                at = stored.find(f"[{kind}]")
                shown[kind].append(text[max(0, at - 40) : at + 40].replace("\n", " "))
    print(f"\n{len(seen)} texts, {characters / 1e6:.1f} million characters")
    print("| kind | texts with a mark | of 10,000 |\n|---|---:|---:|")
    for kind in KINDS:
        print(f"| {kind} | {texts[kind]} | {1e4 * texts[kind] / len(seen):.1f} |")
    for kind, around in shown.items():
        for text in around[: given.worst]:
            print(f"  {kind}: … {text} …")


def cost() -> None:
    """Processor time of a request of benchmarks/ingest, decoded and normalised."""
    body = bytes(load.template()[0])
    masker = Masker(PrivacyRules(kinds=KINDS, key="a key of this benchmark"))
    spent = {"without": 0.0, "with": 0.0}
    spans = size = 0
    for round_ in range(_ROUNDS):
        for way in spent:
            start = time.process_time()
            request = decode_traces(body, "protobuf")
            if way == "with":
                masker.traces(request)
            found = normalise(
                request, now=time.time_ns(), retention_days=30, limits=ContentLimits()
            )
            if round_:
                spent[way] += time.process_time() - start
        spans, size = len(found.spans), len(body)
    each = {way: seconds / (_ROUNDS - 1) / spans * 1e6 for way, seconds in spent.items()}
    print(f"\n{spans} spans of {size / spans:.0f} bytes, microseconds of processor time a span")
    print(f"without {each['without']:.0f}, with {each['with']:.0f}: ", end="")
    print(f"{each['with'] / each['without']:.1f} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_source_options(parser)
    parser.add_argument("--each", type=int, default=500, help="values of each kind")
    parser.add_argument("--worst", type=int, default=6, help="examples a kind")
    given = parser.parse_args()
    left(given.each, given.seed)
    cost()
    marks(given)


if __name__ == "__main__":
    main()
