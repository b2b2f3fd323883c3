"""Spans with texts of the length and make of real ones: what tests/grafana/seed.py makes, said in
words.

Sentences of five to twenty English words, drawn by Zipf's law from the vocabulary of our encoder's
tokenizer, 200,000 of them. A text is some of them; a model's call carries its prompt (one of
twenty, the same each time), the turns before and the question, as agents send them; a retrieval one
to three pages out of 5,000. Every text has a number in it that comes once.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
from clickhouse_connect.driver.client import Client

from classify.tallies.keep import Tallying, unsettled
from clickhouse.settings import ClickHouseSettings
from tests.grafana import seed

_TOKENIZER = Path(__file__).parents[2] / "classify/models/assets/tokenizer.json"
_SENTENCES, _WORDS = 200_000, 12_000
#: The table that texts are looked up in; the engine keeps it in memory.
SENTENCES = "benchmark_sentences"


def fill(client: Client, database: str, rows: int, days: int) -> None:
    """Insert ``rows`` spans over the ``days`` up to now, and what their texts are made of."""
    client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
    client.command(
        f"CREATE TABLE IF NOT EXISTS {database}.{SENTENCES} (n UInt32, said String)"
        " ENGINE = Join(ANY, LEFT, n)"
    )
    table = f"{database}.{SENTENCES}"
    if not client.query(f"SELECT count() FROM {table}").result_rows[0][0]:
        client.insert(SENTENCES, list(enumerate(sentences())), ["n", "said"], database=database)
    seed.fill(client, database, rows, days, texts=_texts(table))
    client.command(f"DROP TABLE {table}")
    merge_days(client)


def merge_days(client: Client) -> None:
    """As the table does by itself with a day that is over, six hours after its last row."""
    days = client.query(
        "SELECT DISTINCT partition FROM system.parts WHERE active AND table = 'spans_raw'"
        " AND database = currentDatabase() AND toDate(partition) < today()"
    ).result_rows
    for (day,) in days:
        client.command(f"OPTIMIZE TABLE spans_raw PARTITION '{day}' FINAL")


def tally(client: Client, settings: ClickHouseSettings) -> float:
    """As classify does with hours that are over, but at once. Returns seconds of processors."""
    busy, tallying = time.process_time(), Tallying(settings, quiet_seconds=0)
    while tallying.look(client) or unsettled(client, settings.database):
        pass
    return time.process_time() - busy


def sentences(number: int = _SENTENCES) -> list[str]:
    """The same each time."""
    known = json.loads(_TOKENIZER.read_text(encoding="utf-8"))["model"]["vocab"]
    words = [word for word in known if re.fullmatch("[a-z]{2,}", word)][:_WORDS]
    drawn = np.random.default_rng(7)
    share = 1 / (np.arange(len(words)) + 2.7)
    sizes = drawn.integers(5, 21, number)
    picked = drawn.choice(len(words), int(sizes.sum()), p=share / share.sum())
    found, at = [], 0
    for size in sizes:
        text = " ".join(words[i] for i in picked[at : at + size])
        found.append(f"{text.capitalize()}.")
        at += size
    return found


def _texts(table: str) -> dict[str, str]:
    def said(count: int, *of: str) -> str:
        """``count`` sentences, chosen by what identifies them."""
        each = (
            f"joinGet('{table}', 'said',"
            f" toUInt32(cityHash64({', '.join((*of, str(i)))}) % {_SENTENCES}))"
            for i in range(count)
        )
        return ", ' ', ".join(each)

    def message(role: str, text: str) -> str:
        part = '{"type":"text","content":"'
        head = f'{{"role":"{role}","parts":[{part}'
        return f"""'{head}', {text}, '"}}]}}'"""

    asked = f"concat('Order ', toString(trace_number), '. ', {said(2, 'trace_number', '11')})"
    answer = f"concat('To ', toString(trace_number), ': ', {said(5, 'trace_number', 's', '12')})"
    prompt = said(10, "u1 % 20", "13")
    turns = ", ',', ".join(
        (message("user", said(2, "trace_number", "14")),
         message("assistant", said(4, "trace_number", "15")))
    )  # fmt: skip
    sent = f"concat('[', {turns}, ',', {message('user', asked)}, ']')"
    got = f"concat('[', {message('assistant', answer)}, ']')"
    pages = ", ".join(
        f"""concat('{{"id":"page", "content":"', {said(6, f"u{n} * 5 + {n}", "16")}, '"}}')"""
        for n in (1, 2, 3)
    )
    return {
        "input": f"if(s IN (0, 3, 5), {asked}, concat('order ', toString(trace_number)))",
        "output": f"if(s IN (1, 2), '', {answer})",
        "system_instructions": f"if(kind = 'llm', concat({prompt}), '')",
        "input_messages": f"if(kind = 'llm', {sent}, '')",
        "output_messages": f"if(kind = 'llm', {got}, '')",
        "documents": f"if(kind = 'retrieval', arraySlice([{pages}], 1, 1 + u2 % 3), [])",
        "document_scores": "if(kind = 'retrieval', arraySlice([toFloat32(4.1), 3.2, 1.7], 1,"
        " 1 + u2 % 3), [])",
    }
