"""IFEval: prompts with instructions that can be checked, what each asks for as data, and a model's
responses (2311.07911). Labels come from the data, not from the prompt's words; prompts of a kind
whose check needs a model (language) or a tokenizer (sentences) are left out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from training.mirror import Snapshot
from training.record import Record

PROMPTS = "instruction_following_eval/data/input_data.jsonl"
RESPONSES = "instruction_following_eval/data/input_response_data_gpt4_20231107_145030.jsonl"
Given = dict[str, Any]


def read(snapshot: Snapshot) -> Iterator[Record]:
    answers = {row["prompt"]: row["response"] for row in snapshot.jsonl(RESPONSES)}
    for row in snapshot.jsonl(PROMPTS):
        said = answers.get(row["prompt"])
        kinds = row["instruction_id_list"]
        if not said or any(kind not in KEPT for kind in kinds):
            continue
        kept = [KEPT[kind](said, given) for kind, given in zip(kinds, row["kwargs"], strict=True)]
        kind = "kept/checked" if all(kept) else "broken/checked"
        yield Record(
            "instruction_following", float(not all(kept)), kind, input=row["prompt"], output=said
        )


def _compared(has: int, given: Given, number: str, relation: str = "relation") -> bool:
    wanted = int(given[number])
    return has >= wanted if given[relation] == "at least" else has < wanted


def _count(pattern: str, text: str) -> int:
    return len(re.findall(pattern, text, re.I | re.M))


def _paragraphs(said: str, given: Given) -> bool:
    parts = [part for part in re.split(r"\s?\*\*\*\s?", said) if part.strip()]
    return len(parts) == int(given["num_paragraphs"])


def _sections(said: str, given: Given) -> bool:
    spliter = re.escape(given["section_spliter"])
    return _count(rf"\s?{spliter}\s?\d+\s?", said) >= int(given["num_sections"])


def _bullets(said: str, given: Given) -> bool:
    return _count(r"^\s*\*[^*].*$|^\s*-.*$", said) == int(given["num_bullets"])


def _highlights(said: str, given: Given) -> bool:
    return _count(r"\*[^\n*]+\*", said) >= int(given["num_highlights"])


def _two(said: str, _given: Given) -> bool:
    parts = [part.strip() for part in said.split("******")]
    return len(parts) == 2 and all(parts) and parts[0] != parts[1]


def _json(said: str, _given: Given) -> bool:
    bare = re.sub(r"^```(?:json)?|```$", "", said.strip(), flags=re.I).strip()
    try:
        json.loads(bare)
    except ValueError:
        return False
    return True


def _postscript(said: str, given: Given) -> bool:
    marker = given["postscript_marker"]
    return _count(r"p\.\s?p\.\s?s" if "P.P" in marker else r"p\.\s?s\.", said) > 0


def _ends(said: str, given: Given) -> bool:
    return said.strip().strip('"').lower().endswith(str(given["end_phrase"]).strip().lower())


KEPT: dict[str, Callable[[str, Given], bool]] = {
    "punctuation:no_comma": lambda said, _: "," not in said,
    "length_constraints:number_words": lambda said, given: _compared(
        _count(r"\w+", said), given, "num_words"
    ),
    "length_constraints:number_paragraphs": _paragraphs,
    "keywords:forbidden_words": lambda said, given: (
        not any(_count(rf"\b{re.escape(word)}\b", said) for word in given["forbidden_words"])
    ),
    "keywords:existence": lambda said, given: all(
        word.lower() in said.lower() for word in given["keywords"]
    ),
    "keywords:frequency": lambda said, given: _compared(
        said.lower().count(given["keyword"].lower()), given, "frequency"
    ),
    "keywords:letter_frequency": lambda said, given: _compared(
        said.lower().count(given["letter"].lower()), given, "let_frequency", "let_relation"
    ),
    "change_case:english_lowercase": lambda said, _: said == said.lower(),
    "change_case:english_capital": lambda said, _: said == said.upper(),
    "startend:quotation": lambda said, _: said.strip()[:1] == '"' == said.strip()[-1:],
    "startend:end_checker": _ends,
    "detectable_format:title": lambda said, _: _count(r"<<[^\n]+>>", said) > 0,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_content:number_placeholders": lambda said, given: (
        _count(r"\[.*?\]", said) >= int(given["num_placeholders"])
    ),
    "detectable_content:postscript": _postscript,
    "combination:two_responses": _two,
}
