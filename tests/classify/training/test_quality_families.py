"""The generated families of the quality classifiers: right labels, both sides, the same twice."""

from __future__ import annotations

import importlib
import json
import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import yaml

from classify.training import build
from classify.training.generate import claims_documents, facts, instructions
from classify.training.readers.negatives import Index
from classify.training.readers.pairs import detokenised, sentences, statement
from classify.training.record import Record

RECIPE = yaml.safe_load((build.HERE / "sources_quality.yaml").read_text(encoding="utf-8"))
PASSAGE = (
    "The bridge was built in 1932 by the engineer Clara Holt. It is 410 metres long and spans the "
    "river between Alden and Brook. Many visitors from Norway come in summer, which surprised the "
    "town council of Alden. The toll was raised to $4 in 1990. However, the oldest arch is closed."
)


def made(name: str) -> list[Record]:
    built = build.Built()
    for task, source in (
        ("hallucination", "google-research-datasets/QED"),
        ("retrieval_relevance", "google-research-datasets/QED"),
        ("retrieval_relevance", "yizhongw/self-instruct"),
    ):
        built.of[task, source].append(Record(task, 0.0, "own", context=[PASSAGE], id=source))
    turns = [
        {"role": "user", "content": "A table for two, please."},
        {"role": "assistant", "content": "At what time?"},
        {"role": "user", "content": "At eight."},
    ]
    source = "google-research-datasets/dstc8-schema-guided-dialogue"
    built.of["user_frustration", source].append(Record("user_frustration", 0.0, "calm", turns))
    family = importlib.import_module(f"classify.training.generate.{name}")
    return list(family.generate(Random(7), built))


@pytest.mark.parametrize("name", [entry["name"] for entry in RECIPE["generators"]])
def test_family_has_both_sides_and_repeats(name: str) -> None:
    once, again = made(name), made(name)
    assert once == again
    labels = Counter(record.label for record in once)
    assert labels[0.0] and labels[1.0]
    tasks = next(e["tasks"] for e in RECIPE["generators"] if e["name"] == name)
    assert {record.task for record in once} <= set(tasks)
    assert not any("{" in record.output and "}" in record.output and "{v}" in record.output
                   for record in once)


@pytest.mark.parametrize("entry", RECIPE["sources"], ids=lambda e: e["repository"])
def test_source_is_pinned_and_has_a_reader(entry: dict[str, object]) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", str(entry["commit"]))
    assert entry["licence"]
    assert hasattr(importlib.import_module(f"classify.training.readers.{entry['reader']}"), "read")
    reserved = ("PIGuard", "PurpleLlama", "JailbreakBench", "hatecheck", "FaithBench", "qags")
    assert not any(name in str(entry["repository"]) for name in reserved)
    assert not any("live" in path for path in entry["paths"])  # type: ignore[attr-defined]


def test_claims_on_tools_are_true_or_false_as_labelled() -> None:
    for record in made("claims_service"):
        if record.kind == "tool_result/supported/pair":
            assert any(
                value in record.output for value in re.findall(r'[^":{}\[\],\n]+', record.context[0])
                if len(value.strip()) > 0 for value in [value.strip()] if value
            )
        if record.kind == "tool_result/added_detail/pair":
            assert record.output in {x for thing in facts.SERVICE for x in thing.extras}


def test_service_and_technical_families_share_no_sentence() -> None:
    for one, two in (("frustration_support", "frustration_assistant"),
                     ("memory_bookings", "memory_work"), ("goals_service", "goals_technical")):
        said = [
            {str(r.output or r.input[-1]["content"]).lower() for r in made(name)}  # type: ignore
            for name in (one, two)
        ]
        assert len(said[0] & said[1]) < 0.01 * min(map(len, said))


@pytest.mark.parametrize("way", ["number", "name", "opposite", "negate", "wider", "roles"])
def test_change_makes_another_sentence(way: str) -> None:
    said = "Many people saw that Clara Holt was praised by the older Dora Finch in 1932, before."
    out = claims_documents.change(way, said, ["Ema Quill"], [], Random(1))
    assert out is not None and out != said


def test_json_constraint_is_kept_and_broken() -> None:
    said = sentences(PASSAGE)
    for seed in range(20):
        _, good, bad = instructions.as_json(said, Random(seed))
        keys = set(json.loads(good))
        try:
            found = json.loads(bad)
        except ValueError:
            continue
        assert set(found) != keys


def test_word_limit_is_kept_and_broken() -> None:
    for seed in range(20):
        asked, good, bad = instructions.word_limit(sentences(PASSAGE), Random(seed))
        limit = int(re.search(r"\d+", asked)[0])  # type: ignore[index]
        assert len(good.split()) <= limit < len(bad.split())


def test_statement_turns_questions_into_claims() -> None:
    assert statement("Who wrote Dune?", "Frank Herbert", 0) == "Frank Herbert wrote Dune."
    assert statement("What is the capital of Peru", "Lima", 0) == "The capital of Peru is Lima."
    assert "1969" in statement("When did it land?", "1969", 1)


def test_detokenised_text_reads_normally() -> None:
    assert detokenised("It 's ( really ) here , -LRB- no -RRB- .") == "It's (really) here, (no)."


def test_nearest_text_shares_words_but_not_the_answer() -> None:
    index = Index(["red fox runs", "the red fox sleeps", "blue whale", "red fox in Oslo"])
    assert index.near("where does the red fox sleep", {1}, "Oslo") == 0


def test_recipe_loads(tmp_path: Path) -> None:
    (tmp_path / "sources_quality.yaml").write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    assert len(build.recipes(tmp_path).sources) == len(RECIPE["sources"])
