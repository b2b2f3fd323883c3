import hashlib
import zipfile
from pathlib import Path

import pytest

from training import build, mirror
from training.record import Record

RESERVED = (
    (
        "leolee99/PIGuard meta-llama/PurpleLlama JailbreakBench/artifacts "
        "paul-rottger/hatecheck-data vectara/FaithBench W4ngatang/qags "
        "ag2ai/Agents_Failure_Attribution"
    )
    .lower()
    .split()
)


def test_no_reserved_source_is_in_a_recipe() -> None:
    recipe = build.recipes()
    assert recipe.sources
    assert recipe.generators
    for source in recipe.sources:
        assert source.repository.lower() not in RESERVED
        assert not [path for path in source.paths if "live" in path]
        assert len(source.commit) == (64 if source.repository.startswith("pypi/") else 40)
        assert source.licence


def test_every_recipe_names_a_module_that_exists() -> None:
    recipe = build.recipes()
    for source in recipe.sources:
        assert (build.HERE / "readers" / f"{source.reader}.py").is_file(), source.reader
    for family in recipe.generators:
        assert (build.HERE / "generate" / f"{family.name}.py").is_file(), family.name


def test_a_task_that_the_recipe_does_not_name_is_refused() -> None:
    with pytest.raises(ValueError, match="toxicity"):
        list(build.tidy([Record("toxicity", 0, "k", "x")], ["jailbreak"], "a/b", "MIT"))


def test_the_cap_holds_for_each_side_and_does_not_depend_on_order() -> None:
    made = [Record("t", at % 2, "k", f"text {at}") for at in range(100)]
    tidied = list(build.tidy(made, ["t"], "a/b", "MIT"))
    kept = build.capped(tidied, 10)
    assert sorted(r.label for r in kept) == [0] * 10 + [1] * 10
    assert {r.id for r in kept} == {r.id for r in build.capped(reversed(tidied), 10)}


def test_repeats_leave_training_first_and_contradictions_leave_wholly() -> None:
    built = build.Built()
    for source, label, text in (
        ("a", 0, "Same text."),
        ("b", 0, "same text"),
        ("a", 0, "torn"),
        ("b", 1, "torn"),
    ):
        found = build.tidy([Record("t", label, "k", text)], ["t"], source, "MIT")
        built.of["t", source] += found
    assert build.without_repeats(built, {"b"}) == 3
    assert [(r.source, r.input) for r in built.records("t")] == [("b", "same text")]


def test_an_unknown_field_of_a_recipe_is_named(tmp_path: Path) -> None:
    (tmp_path / "sources_x.yaml").write_text("sources: [{repository: a/b, licenze: MIT}]")
    with pytest.raises(ValueError, match="licenze"):
        build.recipes(tmp_path)


def test_healthy_traffic_is_never_trained_on() -> None:
    recipe = build.recipes(build.HERE / "healthy")
    assert recipe.sources
    assert all(source.evaluation_only for source in recipe.sources)
    trained = {s.repository for s in build.recipes().sources if not s.evaluation_only}
    assert not trained & {source.repository for source in recipe.sources}


def test_a_wheel_is_read_by_its_hash(tmp_path: Path) -> None:
    wheel = tmp_path / "shots-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("shots/data.csv", "text,label\nhello,0\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    opened = mirror.open_wheel("pypi/shots==1.0", digest, tmp_path, ("shots/*.csv",))
    assert opened.chosen == ["shots/data.csv"]
    assert list(opened.csv("shots/data.csv")) == [{"text": "hello", "label": "0"}]
