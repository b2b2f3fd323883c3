import subprocess
from pathlib import Path

import pytest

from training.mirror import NotInSnapshot, open_snapshot


@pytest.fixture
def mirror(tmp_path: Path) -> tuple[Path, str]:
    work, git_dir = tmp_path / "work", tmp_path / "mirror" / "owner+name" / "repo"
    (work / "data").mkdir(parents=True)
    (work / "data" / "a.csv").write_text('text,label\n"one, two",1\n')
    (work / "data" / "b.jsonl").write_text('{"x": 1}\n\n{"x": 2}\n')
    git_dir.parent.mkdir(parents=True)
    run = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", "-C", str(work)]
    subprocess.run(
        ["git", "init", "--quiet", f"--separate-git-dir={git_dir}", str(work)], check=True
    )
    subprocess.run([*run, "add", "."], check=True)
    subprocess.run([*run, "commit", "--quiet", "-m", "data"], check=True)
    commit = subprocess.check_output([*run, "rev-parse", "HEAD"], text=True).strip()
    return tmp_path / "mirror", commit


def test_files_are_read_at_the_commit(mirror: tuple[Path, str], tmp_path: Path) -> None:
    folder, commit = mirror
    opened = open_snapshot("owner/name", commit, tmp_path, folder, ("data/*.csv",))
    assert opened.files == ["data/a.csv", "data/b.jsonl"]
    assert opened.chosen == ["data/a.csv"]
    assert list(opened.csv("data/a.csv")) == [{"text": "one, two", "label": "1"}]
    assert [row["x"] for row in opened.jsonl("data/b.jsonl")] == [1, 2]


def test_what_is_not_there_is_named(mirror: tuple[Path, str], tmp_path: Path) -> None:
    folder, commit = mirror
    opened = open_snapshot("owner/name", commit, tmp_path, folder)
    with pytest.raises(NotInSnapshot, match="owner/name"):
        opened.text("data/none.csv")
    with pytest.raises(NotInSnapshot, match="no/such"):
        open_snapshot("no/such", commit, tmp_path, folder)
    with pytest.raises(NotInSnapshot):
        open_snapshot("owner/name", "0" * 40, tmp_path, folder)
