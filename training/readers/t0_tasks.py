"""Reading-comprehension and paraphrase sets of the T0 mixture, in self-instruct's repository."""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.negatives import Index
from training.readers.pairs import claim, detokenised, folded, retrieved, statement
from training.record import Record

FOLDER = "data/finetuning/t0_train_50k/data_per_template/"
FORMS = [
    ("adversarial_qa_d*_based_on", r"Question: (?P<q>.+?)\nContext: (?P<p>.+)", "CC-BY-SA-3.0"),
    (
        "quoref_Answer_Test",
        r"an answer for the question: (?P<q>.+?) ?\?\s*\n\n(?P<p>.+)",
        "CC-BY-4.0",
    ),
    (
        "ropes_prompt_beginning",
        r"paragraph below\. \n\n(?P<q>.+?)\n\n(?P<p>.+)",
        "CC-BY-4.0",
    ),
    (
        "duorc_*_answer_question",
        r"Question: (?P<q>.+?)\nMovie plot title: [^\n]*\nMovie plot: (?P<p>.+)",
        "MIT",
    ),
]
PAWS = re.compile(r"Sentence 1: (.+?)\nSentence 2: (.+?)\nQuestion: ", re.S)
FACT = re.compile(
    r'If I tell you that (.+?), and ask you the question "(.+?)", is the correct '
    r'answer "(.+?)"\?',
    re.S,
)


def read(snapshot: Snapshot) -> Iterator[Record]:
    for pattern, form, licence in FORMS:
        rows = []
        for path in snapshot.glob(f"{FOLDER}{pattern}.jsonl"):
            for row in snapshot.jsonl(path):
                found = re.search(form, row["prompt"], re.S)
                answer = row["completion"].replace("<|endoftext|>", "").strip()
                if found and answer and "No answer" not in answer and len(answer) < 120:
                    text = detokenised(found["p"]) if "duorc" in pattern else folded(found["p"])
                    rows.append((folded(found["q"]), text, answer))
        yield from questions(rows, pattern.split("_")[0], licence)
    for path in snapshot.glob(f"{FOLDER}paws_labeled_final_Meaning_no_label.jsonl"):
        for row in snapshot.jsonl(path):
            if found := PAWS.search(row["prompt"]):
                same = row["completion"].startswith("Yes")
                yield claim(
                    "hallucination",
                    detokenised(found[1]),
                    detokenised(found[2]),
                    float(not same),
                    "paraphrase/" + ("same" if same else "words_moved"),
                    "PAWS (free for any purpose)",
                )
    for path in snapshot.glob(f"{FOLDER}qasc_is_correct_1.jsonl"):
        for number, row in enumerate(snapshot.jsonl(path)):
            if found := FACT.search(row["prompt"]):
                yield claim(
                    "hallucination",
                    found[1] + ".",
                    statement(found[2], found[3], number),
                    float(not row["completion"].startswith("Yes")),
                    "science/" + ("right" if row["completion"].startswith("Yes") else "wrong"),
                    "CC-BY-4.0",
                )


def questions(rows: list[tuple[str, str, str]], name: str, licence: str) -> Iterator[Record]:
    """Relevance and claim pairs of (question, passage, answer) rows."""
    texts = sorted({text for _, text, _ in rows})
    place = {text: number for number, text in enumerate(texts)}
    index = Index(texts)
    for number, (asked, text, answer) in enumerate(rows):
        own = place[text]
        yield retrieved(asked, text, 0.0, f"{name}/own", licence)
        near = index.near(asked, {own}, answer)
        if near is not None:
            yield retrieved(asked, texts[near], 1.0, f"{name}/lexical_neighbour", licence)
        said = statement(asked, answer, number)
        yield claim("hallucination", text, said, 0.0, f"{name}/right", licence)
        wrong = rows[(number * 13 + 5) % len(rows)][2]
        if number % 2 and near is not None:
            kind = f"{name}/evidence_of_another"
            yield claim("hallucination", texts[near], said, 1.0, kind, licence)
        elif wrong.lower() not in text.lower():
            kind = f"{name}/answer_of_another"
            yield claim("hallucination", text, statement(asked, wrong, number), 1.0, kind, licence)
