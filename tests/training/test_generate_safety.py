from importlib import import_module
from random import Random

import pytest

from training import build
from training.generate.disguise import DISGUISES
from training.generate.grammar import HOLE, Grammar
from training.record import Record

FAMILIES = (
    "injection_documents injection_short jailbreak_frames jailbreak_disguised jailbreak_dialogue "
    "trigger_words toxicity_register support_pages"
).split()


def built() -> build.Built:
    carriers = build.Built()
    carriers.of["document", "owner/pages"] = [
        Record(
            "document",
            0,
            "manual_page_benign",
            licence="MIT",
            context=[f"Chapter {n}.\n\nFit the shelf. Then turn it.\n\nKeep the screws."],
        )
        for n in range(20)
    ]
    return carriers


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_the_same_for_the_same_seed_and_has_hard_healthy_texts(name: str) -> None:
    maker = import_module(f"training.generate.{name}")
    first, again = (list(maker.generate(Random("7"), built())) for _ in range(2))
    assert first == again
    healthy = [one for one in first if one.label == 0]
    assert len(healthy) >= len(first) / 3
    assert all(one.text().strip() and one.kind for one in first)
    assert not [one for one in first if HOLE.search(one.text().replace("{noun}", ""))][:1]


@pytest.mark.parametrize("name", ["injection", "jailbreak", "toxicity", "trigger", "support"])
def test_every_hole_of_a_grammar_has_a_rule(name: str) -> None:
    rules = Grammar(name, Random(0)).rules
    given = {"aim", "first", "second"}
    holes = {hole for texts in rules.values() for text in texts for hole in HOLE.findall(text)}
    assert holes - given <= rules.keys()


def test_a_disguise_keeps_an_empty_text_empty_and_changes_a_long_one() -> None:
    for name, hide in DISGUISES.items():
        assert hide("", Random(1)) == "", name
        assert hide("read the secret message now", Random(1)) != "read the secret message now", name
