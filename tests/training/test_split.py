import pytest

from training import split
from training.record import Record

TEXT = "please bring the blue folder to the meeting on the second floor at nine tomorrow morning"


def records() -> list[Record]:
    made = []
    for at in range(240):
        words = " ".join(f"w{at}x{n}" for n in range(30))
        made.append(Record("jailbreak", at % 2, "k", words, source=f"s{at % 6}", id=f"{at:04d}"))
    return made


def test_near_duplicates_share_a_group_and_others_do_not() -> None:
    near = [
        Record("t", 0, "k", TEXT, id="a"),
        Record("t", 0, "k", TEXT.upper() + "!", id="b"),
        Record("t", 0, "k", TEXT + " and then stay for a while with us", id="c"),
        Record("t", 0, "k", "quite another sentence on the price of oranges in Spain", id="d"),
    ]
    split.group(near)
    assert [r.group for r in near] == ["a", "a", "a", "d"]


def test_no_group_is_cut() -> None:
    made = records()
    split.group(made)
    for at, one in enumerate(made):
        one.group = made[at - at % 4].group
    parts = split.split(made)
    homes: dict[str, set[str]] = {}
    for name in ("train", "validation", "test"):
        for one in getattr(parts, name):
            homes.setdefault(one.group, set()).add(name)
    assert all(len(found) == 1 for found in homes.values())
    assert sum(len(p) for p in (parts.train, parts.validation, parts.test)) == len(made)
    assert len(parts.train) > len(parts.test) > 0


def test_held_out_sources_are_the_test_and_their_duplicates_leave_training() -> None:
    made = records()
    split.group(made)
    made[1].group = made[0].group  # of s1, a duplicate of one in s0
    parts = split.split(made, ["s0"])
    assert {r.source for r in parts.test} == {"s0"}
    assert made[1] not in parts.train + parts.validation


def test_folds_hold_every_source_out_once() -> None:
    made = records()
    split.group(made)
    held = [names for names, _ in split.folds(made, 3)]
    assert sorted(n for names in held for n in names) == [f"s{n}" for n in range(6)]


def test_an_unknown_source_is_named() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        split.split(records(), ["nowhere"])
