"""Spans per second and core for the full verdict set, beside encoders of the size that published
detectors run.

    python benchmarks/classify/run.py [--others]

One process, one thread. ``--others`` needs torch and onnx: it builds DeBERTa-v3-base- and
ModernBERT-base-shaped encoders with random weights (speed does not depend on them) and runs them on
the same rows' texts, once each: one detector where ours are eleven.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from benchmarks.suite import figures  # noqa: E402
from classify.classifier import Subject, Trace, applies  # noqa: E402
from classify.models.encoder import encoder  # noqa: E402
from classify.registry import BUILT_IN  # noqa: E402
from clickhouse.span import Span  # noqa: E402

_DOLLARS_A_CORE_HOUR = 0.04
_WORDS = (
    "order parcel refund customer account policy delivery return invoice shipping the a of and to"
    " in is was for on with by from at which that this your our their price item date number status"
).split()


def text(rng: Random, characters: int) -> str:
    """Sentences of ordinary words, new each time."""
    found: list[str] = []
    size = 0
    while size < characters:
        words = [rng.choice(_WORDS) for _ in range(rng.randint(6, 16))]
        sentence = f"{' '.join(words).capitalize()} {rng.randint(1, 9999)}."
        found.append(sentence)
        size += len(sentence) + 1
    return " ".join(found)


def traces(number: int, seed: int = 7, pages: int = 0) -> list[Trace]:
    """Seven steps each: agent, prompt, retrieval (three documents), model, tool, model, parser;
    one to four KB of text in the larger ones. ``pages``: out of how many the documents, prompts and
    results come, as from a shop's help; 0: new each time."""
    rng = Random(seed)
    found = []
    known = [text(rng, rng.randint(400, 1200)) for _ in range(pages)]
    for n in range(number):
        asked, answer = text(rng, 200), text(rng, 600)
        documents = [
            rng.choice(known) if known else text(rng, rng.randint(400, 1200)) for _ in range(3)
        ]
        steps: list[dict[str, Any]] = [
            {"step_kind": "agent", "input": asked, "output": answer},
            {"step_kind": "prompt", "output": known[0] if known else text(rng, 1000)},
            {"step_kind": "retrieval", "input": asked, "documents": documents},
            {"step_kind": "llm", "input": asked, "output": '[{"name": "f", "arguments": {}}]'},
            {"step_kind": "tool", "tool_name": "f", "input": "{}", "output": text(rng, 300)},
            {"step_kind": "llm", "input": asked, "output": answer},
            {"step_kind": "parser", "input": answer, "output": answer},
        ]
        spans = [
            Span(
                f"{n:032x}",
                f"{i + 1:016x}",
                parent_span_id="" if i == 0 else f"{1:016x}",
                name=str(step["step_kind"]),
                start_time=(n * 10 + i) * 10**9,
                duration_ms=500,
                **step,
            )
            for i, step in enumerate(steps)
        ]
        found.append(Trace(tuple(spans)))
    return found


def ours(found: list[Trace]) -> tuple[float, dict[str, float]]:
    """Seconds of a processor for all verdicts of all rows, and by classifier."""
    seconds = {}
    for classifier in BUILT_IN:
        subjects = [
            Subject(span, trace)
            for trace in found
            for span in trace.spans
            if (classifier.unit == "span" or span is trace.root) and applies(classifier, span)
        ]
        began = time.process_time()
        classifier.judge(subjects)
        seconds[classifier.name] = time.process_time() - began
    return sum(seconds.values()), seconds


def other(name: str, found: list[Trace]) -> float:
    """Seconds that one detector of that shape takes for the rows' texts, int8, at most 512 tokens
    a text."""
    import numpy as np
    import onnxruntime
    import torch
    import transformers
    from onnxruntime.quantization import quantize_dynamic

    configs = {
        "DeBERTa-v3-base": lambda: transformers.DebertaV2Config(
            vocab_size=128100, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
            intermediate_size=3072, relative_attention=True, position_buckets=256,
            pos_att_type=["p2c", "c2p"], share_att_key=True, norm_rel_ebd="layer_norm",
            max_relative_positions=-1, position_biased_input=False, type_vocab_size=0,
        ),
        "ModernBERT-base": lambda: transformers.ModernBertConfig(attn_implementation="eager"),
    }  # fmt: skip
    model = transformers.AutoModelForSequenceClassification.from_config(configs[name]()).eval()
    texts = [
        part
        for trace in found
        for span in trace.spans
        for part in (span.input, span.output, *span.documents)
        if part
    ]
    texts = list(dict.fromkeys(texts))
    with tempfile.TemporaryDirectory() as folder:
        plain, small = f"{folder}/plain.onnx", f"{folder}/int8.onnx"
        sample = torch.ones(1, 16, dtype=torch.long)
        torch.onnx.export(
            model,
            (sample, sample),
            plain,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": {0: "b", 1: "t"}, "attention_mask": {0: "b", 1: "t"}},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(plain, small)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(small, options, providers=["CPUExecutionProvider"])
        lengths = [min(512, len(part) // 4 + 2) for part in texts]
        began = time.perf_counter()
        for length in sorted(lengths):
            ids = np.ones((1, length), np.int64)
            session.run(["logits"], {"input_ids": ids, "attention_mask": ids})
        return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=60)
    parser.add_argument("--others", action="store_true")
    options = parser.parse_args()
    encoder().logits("safety", ["warm up"])
    found = traces(options.traces)
    rows = sum(len(trace.spans) for trace in found)
    total, seconds = ours(found)
    print(f"{rows} spans of {len(found)} traces, one core\n")
    print("| | spans/s | US$ per million spans |")
    print("|---|---:|---:|")

    def show(name: str, taken: float) -> None:
        cost = taken / rows * 1e6 / 3600 * _DOLLARS_A_CORE_HOUR
        print(f"| {name} | {rows / taken:,.1f} | {cost:.3f} |", flush=True)

    show(f"Everyspan, all {len(BUILT_IN)} classifiers", total)
    figures.tell("spans/s a core, all classifiers", rows / total, "spans/s")
    # What one worker has judged it does not judge again: texts of before count as they would there.
    again = traces(options.traces, seed=8, pages=50)
    ours(traces(options.traces, seed=9, pages=50))
    taken, _ = ours(again)
    show("the same, documents and prompts out of 50", taken)
    figures.tell("spans/s a core, documents that come again", rows / taken, "spans/s")
    if options.others:
        few = found[: max(2, len(found) // 10)]
        for name in ("DeBERTa-v3-base", "ModernBERT-base"):
            show(f"{name}-shaped, int8, one detector", other(name, few) * len(found) / len(few))
    print("\nms a span by classifier: ", end="")
    print(", ".join(f"{name} {s / rows * 1e3:.2f}" for name, s in seconds.items()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
