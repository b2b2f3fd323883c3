"""From the command to verdicts: new rows, and a back-fill with and without stored vectors.

    .venv/bin/python benchmarks/custom/run.py
    .venv/bin/python benchmarks/custom/run.py --rows 20000 --workers 2

Rows are written as if judged before (no built-in one runs), 7 in a trace, 2 of them model
steps with a text of their own of about --characters. `--without`: rows of a database where
no vectors are stored, so that the encoder reads every text.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from clickhouse_connect.driver.client import Client

from benchmarks.suite import figures
from classify.custom.catalog import Catalog
from classify.custom.classifier_definition import Definition
from classify.custom.texts import hash_of
from classify.custom.vectors import TYPES, model, quantised
from classify.job.back_fill import progress
from classify.models.encoder import encoder
from classify.service import ClassifyService
from classify.settings import ClassifySettings
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.native import write_columns
from clickhouse.span import SPAN_COLUMNS, Span, columns_of

KINDS = ("agent", "retrieval", "llm", "tool", "tool", "llm", "parser")
WORDS = (
    "order parcel invoice size colour delivery store account password router battery warranty price"
    " question answer customer number Monday morning screen camera light jacket address agent step"
).split()
REFUND = "I have issued a full refund to your card, it arrives within five days."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--without", type=int, default=3_500)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--characters", type=int, default=800)
    chosen = parser.parse_args()
    found = {
        "rows": chosen.rows,
        "workers": chosen.workers,
        "characters": chosen.characters,
        "with_vectors": measure(chosen.rows, chosen, stored=True),
        "without_vectors": measure(chosen.without, chosen, stored=False),
    }
    with_, without = found["with_vectors"], found["without_vectors"]
    assert isinstance(with_, dict)
    assert isinstance(without, dict)
    found["rows_per_second_ratio"] = round(with_["rows_per_second"] / without["rows_per_second"], 1)
    print(json.dumps(found, indent=1))
    figures.tell(
        "back-fill rows/s, stored vectors", with_["rows_per_second"], "rows/s",
        other=without["rows_per_second"], of="the encoder reads each text",
    )  # fmt: skip


def measure(rows: int, chosen: argparse.Namespace, *, stored: bool) -> dict[str, float]:
    """Seconds and rates of one database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        dsn = f"chdb://{folder}/clickhouse"
        client = connect(dsn)
        settings = ClassifySettings(
            clickhouse_dsn=dsn,
            classify_workers=chosen.workers,
            classify_embed_share=0,
        )
        migrate(client, settings)
        service = ClassifyService(settings, lambda: connect(dsn), [])
        service.start()
        version = service.version
        service.stop()
        refunds = fill(client, rows, chosen.characters, version, stored=stored)
        service = ClassifyService(settings, lambda: connect(dsn), [])
        service.start()
        time.sleep(2)
        catalog = Catalog(lambda: connect(dsn), "everyspan")

        ending = threading.Event()
        steady = threading.Thread(target=keep_sending, args=(dsn, ending))
        steady.start()
        time.sleep(settings.classify_trace_quiet_seconds + 2)
        began = time.monotonic()
        answer = catalog.add(Definition(name="refund"), refunds[:4], enable=True)
        added = time.monotonic() - began
        live = 0.0
        done = 0.0
        while not (live and done):
            time.sleep(0.2)
            ((judged,),) = client.query(
                "SELECT count() FROM everyspan.spans WHERE service_name = 'steady'"
                " AND custom['refund'] != ''"
                # Sent after the command began.
                " AND ingested_at > fromUnixTimestamp64Milli({at:Int64})",
                parameters={"at": int((time.time() - (time.monotonic() - began)) * 1000)},
            ).result_rows
            if judged and not live:
                live = time.monotonic() - began
                ending.set()
                steady.join()
            if live and not progress(client, "everyspan").left:
                done = time.monotonic() - began
        service.stop()
        client.close()
        return {
            "stored_rows": rows,
            "command_seconds": round(added, 2),
            "command_to_verdict_on_new_row_seconds": round(live, 2),
            "back_fill_seconds": round(done - added, 2),
            "rows_per_second": round(rows / (done - added)),
            "sampled": answer.sampled,
        }


def keep_sending(dsn: str, ending: threading.Event) -> None:
    """A trace of one new row every half second, as ingest writes it."""
    client = connect(dsn)
    number = 0
    while not ending.is_set():
        number += 1
        span = Span(
            f"{2**100 + number:032x}",
            f"{2**50 + number:016x}",
            name="answer",
            step_kind="llm",
            service_name="steady",
            start_time=time.time_ns(),
            output=f"New text {number}. {REFUND}",
        )
        client.insert(
            "spans_raw",
            columns_of([span]),
            column_names=list(SPAN_COLUMNS),
            column_oriented=True,
            database="everyspan",
        )
        ending.wait(0.5)
    client.close()


def fill(client: Client, rows: int, characters: int, version: int, *, stored: bool) -> list[str]:
    """Rows of the last six hours; returns ids of spans that speak of a refund."""
    rng = random.Random(7)
    refund = encoder().vectors([REFUND])[0]
    noise = np.random.default_rng(7)
    start = time.time_ns() - 6 * 3600 * 10**9
    step = 6 * 3600 * 10**9 // rows
    refunds: list[str] = []
    for first in range(0, rows, 10_000):
        spans, texts, hours = [], [], []
        for number in range(first, min(first + 10_000, rows)):
            kind = KINDS[number % len(KINDS)]
            text = " ".join(rng.choices(WORDS, k=characters // 7))
            output = f"{number} {text}"
            is_refund = kind == "llm" and number % 400 < len(KINDS)
            if is_refund:
                output = f"{number} {REFUND}"
                refunds.append(f"{number + 1:016x}")
            at = start + number * step
            spans.append(
                Span(
                    f"{number // len(KINDS) + 1:032x}",
                    f"{number + 1:016x}",
                    "" if number % len(KINDS) == 0 else f"{number - number % len(KINDS) + 1:016x}",
                    name=kind,
                    step_kind=kind,
                    start_time=at,
                    service_name="shop",
                    output=output,
                )
            )
            if stored and kind == "llm":
                texts.append((output, is_refund))
                hours.append(at // (3600 * 10**9) * 3600)
        data = columns_of(spans)
        client.insert(
            "spans_raw",
            [*data, [version] * len(spans)],
            column_names=[*SPAN_COLUMNS, "verdict_version"],
            column_oriented=True,
            database="everyspan",
        )
        if texts:
            # As far from each other as unrelated texts are; their content does not matter here.
            vectors = noise.normal(size=(len(texts), len(refund))).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            mask = np.array([is_refund for _, is_refund in texts])
            vectors[mask] = refund + 0.1 * vectors[mask]
            columns = {
                "hour": hours,
                "hash": [hash_of(text) for text, _ in texts],
                "model": [model()] * len(texts),
                "vector": quantised(vectors),
                "expires": [int(time.time()) + 86_400] * len(texts),
            }
            client.raw_insert(
                "everyspan.text_vectors", list(TYPES), write_columns(TYPES, columns), fmt="Native"
            )
    return refunds


if __name__ == "__main__":
    main()
