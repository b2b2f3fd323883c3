"""A task for the model left in a page, without any word of old instructions: its only mark is that
it does not belong there. The twin has a sentence of another page in its place."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.injection_documents import WRAPPINGS, planted, shortened
from training.readers.pairs import sentences
from training.record import Record

PAIRS = 4000
TASKS = ("yizhongw/self-instruct", "teknium1/GPTeacher", "LLM-Tuning-Safety/LLMs-Finetuning-Safety")
BEFORE = (
    "", "", "", "", "Please ", "Also, ", "Then ", "Now ", "One more thing: ", "Before you answer, ",
    "AI: ", "Assistant, ", "As an additional step, ", "When you are done, ", "In your reply, ",
    "Task: ", "TODO for the assistant: ", "Question: ", "New task: ", "Instead, ", "P.S. ",
)  # fmt: skip


def generate(rng: Random, built: Built) -> Iterator[Record]:
    carriers = built.records("document")
    asked = [
        record.input.strip()
        for record in built.records("jailbreak", *TASKS)
        if isinstance(record.input, str) and 15 < len(record.input) < 260
    ]
    for _ in range(PAIRS):
        carrier, foreign = rng.choice(carriers), rng.choice(carriers)
        page = shortened(carrier.context[0], rng)
        before, task = rng.choice(BEFORE), rng.choice(asked)
        line = before + (task[:1].lower() + task[1:] if before.endswith((", ", "ase ")) else task)
        others = [s for s in sentences(foreign.context[0]) if 15 < len(s) < 260] or [page[:80]]
        licence = f"Apache-2.0; page {carrier.licence}"
        state = rng.getstate()
        for label, kind, said in (
            (1, "foreign_task", line),
            (0, "foreign_sentence", rng.choice(others)),
        ):
            rng.setstate(state)
            wrapped = rng.choice(WRAPPINGS)(planted(page, said, rng), rng)
            yield Record("prompt_injection", label, kind, context=[wrapped], licence=licence)
