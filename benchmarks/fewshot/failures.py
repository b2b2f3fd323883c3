"""Failures in public data that the method was not chosen on: four examples, then ten answers.

    python -m benchmarks.fewshot.failures --sources FOLDER [--seeds 3]

FOLDER has a checkout of each repository below as OWNER/NAME. A failure is one row in ten of up to
800, among healthy ones of the same source: half of them are the traffic, of which four fail as
examples say and the ten nearest are answered by their labels; figures are of the other half. Beside
it the vectors alone (fewshot.py), which is all that was there before, the nearest example (cosine)
and the words that a row has in common with it. Intervals: bootstrap over the failures.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from classify.custom.blend import LEAST, Rows, blend
from classify.custom.fewshot import learn
from classify.custom.texts import shown
from classify.custom.wording import Words
from classify.models.encoder import Encoder
from classify.scoring.figures import auroc, average_precision

_ROWS, _SHARE, _LEAST_ROWS, _EXAMPLES, _ANSWERS, _SEED = 800, 0.1, 300, 4, 10, 1
Texts = tuple[str, ...]
Failure = tuple[str, list[Texts], np.ndarray]
"""Name, rows (a text, or input and output), whether each fails."""
Score = Callable[[Rows], tuple[np.ndarray, float]]
"""Scores of rows, and from where on one fails (nan: the method sets none)."""
Learn = Callable[[Rows, Rows, Rows], Score]
_SGD = "google-research-datasets/dstc8-schema-guided-dialogue"
_NUMBERS = ("price", "party_size", "temperature", "number_of_seats")
#: Others of this source, which the method was chosen on.
_CHOSEN_ON = {
    ("Buses", "price"), ("Hotels", "hotel_name"), ("Restaurants", "restaurant_name"),
    ("Music", "song_name"), ("Travel", "attraction_name"), ("Events", "city"),
}  # fmt: skip


def main() -> None:
    """Prints a table of failures, and means with intervals."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    encoder, found = Encoder(threads=2), []
    print("| " + " | ".join(["", *_METHODS]) + " |\n|---" * (1 + len(_METHODS)) + "|")
    for name, rows, fails in _failures(given.sources):
        told = _encoded(encoder, rows)
        each = np.array([
            [_measured(name, told, fails, method, seed) for seed in range(given.seeds)]
            for method in _METHODS.values()
        ]).mean(axis=1)  # fmt: skip
        found.append(each)
        line = " | ".join(f"{m[0, 1]:.2f}, {m[1, 1]:.2f}" for m in each)
        print(f"| {name} | {line} |", flush=True)
    _tell(np.array(found))


def _tell(found: np.ndarray) -> None:
    """``found``: shape (failures, methods, stages, figures)."""
    names = "AUROC", "average precision", "precision at recall 0.8", "precision", "recall", "F1"
    random = np.random.default_rng(0)
    draws = random.integers(0, len(found), (10_000, len(found)))
    print(f"\n{len(found)} failures; rows: after 4 examples, and 10 answers")
    for stage, title in enumerate(("4 examples", "and 10 answers")):
        for method, name in enumerate(_METHODS):
            told = ", ".join(
                f"{figure} {value:.3f}"
                for figure, value in zip(names, found[:, method, stage].mean(axis=0), strict=True)
            )
            print(f"{title}: {name}: {told}")
        for figure, name in enumerate(names[:3]):
            gain = found[:, 0, stage, figure] - found[:, 1, stage, figure]
            low, high = np.quantile(gain[draws].mean(axis=1), [0.025, 0.975])
            print(f"{title}: {name} gained {gain.mean():.3f} ({low:.3f} to {high:.3f})")


def _encoded(encoder: Encoder, rows: Sequence[Texts]) -> Rows:
    flat = [shown(text) for row in rows for text in row]
    vectors = np.concatenate([encoder.vectors(flat[i : i + 256]) for i in range(0, len(flat), 256)])
    width = len(rows[0])
    together = vectors.reshape(len(rows), -1) / np.sqrt(np.float32(width))
    return Rows(together, ["\n".join(map(shown, row)) for row in rows])


def _measured(
    name: str, rows: Rows, fails: np.ndarray, learned: Learn, seed: int
) -> list[list[float]]:
    half = len(fails) // 2
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    yes = [int(i) for i in random.permutation(np.flatnonzero(fails[:half]))[:_EXAMPLES]]
    no: list[int] = []
    told, truth = rows.only(range(half, len(fails))), fails[half:].astype(float)
    found = []
    for _ in range(2):
        known = {_plain(rows.texts[i]) for i in (*yes, *no)}
        rest = [i for i in range(half) if _plain(rows.texts[i]) not in known]
        score = learned(rows.only(yes), rows.only(no), rows.only(rest))
        found.append(_figures(*score(told), truth))
        nearest = np.argsort(-score(rows.only(rest))[0], kind="stable")
        asked = {_plain(rows.texts[rest[i]]): rest[i] for i in nearest[: 5 * _ANSWERS][::-1]}
        for i in list(asked.values())[::-1][:_ANSWERS]:
            (yes if fails[i] else no).append(i)
    return found


def _figures(scores: np.ndarray, threshold: float, truth: np.ndarray) -> list[float]:
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order])
    at = right / np.arange(1, len(order) + 1)
    called = scores >= threshold
    hit = float(truth[called].sum())
    precision, recall = hit / max(1, int(called.sum())), hit / float(truth.sum())
    return [
        auroc(scores, truth),
        average_precision(scores, truth),
        float(at[right >= 0.8 * truth.sum()].max()),
        *((precision, recall, 2 * precision * recall / max(1e-9, precision + recall))
          if threshold == threshold else (float("nan"),) * 3),
    ]  # fmt: skip


def _now(positives: Rows, negatives: Rows, background: Rows) -> Score:
    assert len(background) >= LEAST
    answered = len(positives) + len(negatives) >= _EXAMPLES + _ANSWERS
    head = blend(positives, negatives, background, answered=answered)
    return lambda rows: (head.score(rows.vectors, rows.texts), head.threshold)


def _vectors_alone(positives: Rows, negatives: Rows, background: Rows) -> Score:
    head = learn(positives.vectors, negatives.vectors, background.vectors)
    return lambda rows: (head.score(rows.vectors), head.threshold)


def _nearest(positives: Rows, negatives: Rows, background: Rows) -> Score:
    return lambda rows: ((rows.vectors @ positives.vectors.T).max(axis=1), float("nan"))


def _common_words(positives: Rows, negatives: Rows, background: Rows) -> Score:
    words = Words.of(background.texts, positives.texts)
    ours = words.table(positives.texts)
    return lambda rows: ((words.table(rows.texts) @ ours.T).max(axis=1), float("nan"))


_METHODS: dict[str, Learn] = {
    "with words and numbers": _now,
    "vectors alone": _vectors_alone,
    "nearest example": _nearest,
    "words in common": _common_words,
}


def _failures(folder: Path) -> Iterator[Failure]:
    for name, bad, good in _sources(folder):
        random = Random(_SEED)
        wrong = list(dict.fromkeys(bad))
        right = [each for each in dict.fromkeys(good) if each not in set(wrong)]
        random.shuffle(wrong)
        random.shuffle(right)
        size = min(_ROWS, int(len(right) / (1 - _SHARE)), int(len(wrong) / _SHARE))
        if size < _LEAST_ROWS:
            continue
        few = int(size * _SHARE)
        rows = [(row, True) for row in wrong[:few]] + [(row, False) for row in right[: size - few]]
        random.shuffle(rows)
        yield name, [row for row, _ in rows], np.array([fails for _, fails in rows])


def _sources(folder: Path) -> Iterator[tuple[str, list[Texts], list[Texts]]]:
    yield from _intents(folder)
    yield from _moderation(folder / "openai/moderation-api-release/data/samples-1680.jsonl.gz")
    yield from _pairs(folder / "thu-coai/DiaSafety/DiaSafety_dataset/train.json")
    yield from _entities(folder / "microsoft/presidio-research/data/synth_dataset_v2.json")
    yield from _refusals(folder / "paul-rottger/exaggerated-safety/model_completions")
    asked = {code: _questions(folder, code) for code in ("en", "es", "vi", "tr")}
    half = len(asked["en"]) // 2
    other = [text for code in ("es", "vi", "tr") for text in asked[code][half:]]
    yield "another language", _single(other), _single(asked["en"][half:])
    yield from _facts(folder)


def _intents(folder: Path) -> Iterator[tuple[str, list[Texts], list[Texts]]]:
    """An intent among the others of its subject."""
    banking: list[tuple[str, str]] = []
    for part in ("train", "test"):
        path = folder / f"PolyAI-LDN/task-specific-datasets/banking_data/{part}.csv"
        banking += [(r["category"], r["text"]) for r in csv.DictReader(path.open(encoding="utf-8"))]
    for subject in ("card", "transfer", "top_up", "cash"):
        yield from _one_of([row for row in banking if subject in row[0]])
    path = folder / (
        "xliuhw/NLU-Evaluation-Data/CrossValidation/out4RasaReal/"
        "rasa_json_2018_03_22-13_01_25_169_80Train/CrossValidation/KFold_4/merged/"
        "RasaNlu_Merged_KFold_4_2018_03_22-13_01_25_169.json"
    )
    rows = json.loads(path.read_text("utf-8"))["rasa_nlu_data"]["common_examples"]
    subjects = defaultdict(list)
    for row in rows:
        subjects[row["intent"].split("_")[0]].append((row["intent"], row["text"]))
    for subject in sorted(subjects):
        yield from _one_of(subjects[subject])


def _one_of(rows: list[tuple[str, str]]) -> Iterator[tuple[str, list[Texts], list[Texts]]]:
    often = sorted(intent for intent, n in Counter(r[0] for r in rows).items() if n >= 50)
    if len(often) >= 2:
        one = Random(_SEED).choice(often)
        bad = [text for intent, text in rows if intent == one]
        good = [text for intent, text in rows if intent != one]
        yield f"intent {one}", _single(bad), _single(good)


def _moderation(path: Path) -> Iterator[tuple[str, list[Texts], list[Texts]]]:
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    for kind in ("S", "V", "SH", "H"):
        bad = [row["prompt"] for row in rows if row.get(kind) == 1]
        yield (
            f"moderation {kind}",
            _single(bad),
            _single([row["prompt"] for row in rows if not row.get(kind)]),
        )


def _pairs(path: Path) -> Iterator[tuple[str, list[Texts], list[Texts]]]:
    """What a user says and an answer to it that is unsafe."""
    rows = json.loads(path.read_text("utf-8"))
    for kind in ("Biased Opinion", "Risk Ignorance", "Unauthorized Expertise"):
        mine = [r for r in rows if r["category"] == kind]
        parts = [
            [(r["context"], r["response"]) for r in mine if r["label"].lower() == label]
            for label in ("unsafe", "safe")
        ]
        yield f"unsafe answer, {kind.lower()}", list(parts[0]), list(parts[1])


def _entities(path: Path) -> Iterator[tuple[str, list[Texts], list[Texts]]]:
    rows = json.loads(path.read_text("utf-8"))
    for kind in ("PHONE_NUMBER", "DATE_TIME"):
        parts: tuple[list[str], list[str]] = [], []
        for row in rows:
            has = kind in {span["entity_type"] for span in row["spans"]}
            parts[not has].append(row["full_text"])
        yield f"has a {kind.lower()}", _single(parts[0]), _single(parts[1])


def _refusals(folder: Path) -> Iterator[tuple[str, list[Texts], list[Texts]]]:
    bad, good = [], []
    for path in sorted(folder.glob("*.csv")):
        for row in csv.DictReader(io.StringIO(path.read_text("utf-8"))):
            label = (row.get("final_label") or "").lower()
            if label.startswith("1"):
                good.append(row["completion"])
            elif "refus" in label:
                bad.append(row["completion"])
    yield "refuses", _single(bad), _single(good)


def _questions(folder: Path, code: str) -> list[str]:
    data = json.loads((folder / f"deepmind/xquad/xquad.{code}.json").read_text("utf-8"))["data"]
    return [qa["question"] for each in data for p in each["paragraphs"] for qa in p["qas"]]


def _facts(folder: Path) -> Iterator[tuple[str, list[Texts], list[Texts]]]:
    """A number over a limit, and a name of a list, in what an assistant says."""
    numbers, names = defaultdict(list), defaultdict(list)
    for path in sorted((folder / _SGD).glob("train/dialogues_*.json")):
        for domain, slot, value, said in _told(json.loads(path.read_text("utf-8"))):
            number = re.search(r"\d[\d,]*\.?\d*", value)
            if (domain, slot) in _CHOSEN_ON:
                continue
            if slot in _NUMBERS and number:
                numbers[domain, slot].append((said, float(number[0].replace(",", ""))))
            elif slot.endswith("name") or slot in ("title", "city"):
                names[domain, slot].append((said, value))
    for (domain, slot), rows in sorted(numbers.items()):
        limit = float(np.quantile([value for _, value in rows], 0.75))
        bad = [said for said, value in rows if value > limit]
        good = [said for said, value in rows if value <= limit]
        yield f"{domain.lower()} {slot} over {limit:g}", _single(bad), _single(good)
    for (domain, slot), told in sorted(names.items()):
        values = sorted({value for _, value in told})
        listed = set(Random(_SEED).sample(values, min(10, len(values) // 3)))
        bad = [said for said, value in told if value in listed]
        good = [said for said, value in told if value not in listed]
        yield f"{domain.lower()} {slot} of a list", _single(bad), _single(good)


def _told(dialogues: list[Any]) -> Iterator[tuple[str, str, str, str]]:
    """Domain, slot, value and utterance where the value stands in it."""
    for turn in (turn for each in dialogues for turn in each["turns"]):
        for frame in turn["frames"] if turn["speaker"] == "SYSTEM" else ():
            for act in frame["actions"]:
                if (
                    act["slot"]
                    and len(act["values"]) == 1
                    and act["values"][0] in turn["utterance"]
                ):
                    domain = frame["service"].split("_")[0]
                    yield domain, act["slot"], act["values"][0], turn["utterance"]


def _single(texts: Iterable[str]) -> list[Texts]:
    return [(text,) for text in texts if text.strip()]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


if __name__ == "__main__":
    main()
