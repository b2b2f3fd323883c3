"""The source around a failing step: nothing outside the roots, nothing secret."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from alerting.case import Change, Source
from alerting.enrich.budget import Budget
from alerting.enrich.failure import masked_source
from alerting.enrich.source_code import RootsError, permalink, read_roots, source
from tests.alerting.failing_traces import NOW, revision


def test_paths_that_lead_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.py").write_text("password = 1\n")
    (root / "link.py").symlink_to(tmp_path / "secret.py")
    (root / "blob.py").write_bytes(b"\0\1\2")
    (root / "big.py").write_text("x = 1\n" * 400_000)
    (root / "good.py").write_text("x = 1\n")
    roots = read_roots(f"/app={root}, {root}")
    bad = ["../secret.py", "/app/../secret.py", str(tmp_path / "secret.py"), "link.py", "blob.py"]
    (root / ".env").write_text("KEY=1\n")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("url = https://me:token@example.com\n")
    (root / "env.py").symlink_to(root / ".env")
    bad += [".env", ".git/config", "x/../.env", "env.py", "a\0b.py", "x" * 5000, "\n", "C:\\x.py"]
    for path in [*bad, "big.py", "/etc/passwd", "", "-"]:
        where = source(path, 1, "f", "--output=x", "", roots, Budget(60))
        assert where.lines == (), path
        assert where.missing, path
    assert source("/app/good.py", 1, "f", "", "", roots, Budget(60)).lines == ((1, "x = 1"),)
    assert source("good.py", 1, "f", "", "", roots, Budget(60)).lines == ((1, "x = 1"),)
    assert "1 lines only" in source("good.py", 9, "f", "", "", roots, Budget(60)).missing
    with pytest.raises(RootsError, match="is no folder"):
        read_roots("/app=/nowhere/at/all")


def test_a_folder_is_nobodys_source(tmp_path: Path) -> None:
    """git shows one as a list of its files."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "secret_plan.py").write_text("x = 1\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "One"]):
        subprocess.run([*git, *command], check=True)
    roots = read_roots(str(tmp_path))
    assert source("folder", 1, "f", revision(tmp_path), "", roots, Budget(60)).lines == ()
    inside = source("folder/secret_plan.py", 1, "f", revision(tmp_path), "", roots, Budget(60))
    assert inside.lines == ((1, "x = 1"),)


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("https://github.com/a/b", "https://github.com/a/b/blob/0123abc/x/y.py#L7"),
        ("git@gitlab.com:a/sub/b.git", "https://gitlab.com/a/sub/b/-/blob/0123abc/x/y.py#L7"),
        ("ssh://git@bitbucket.org/a/b", "https://bitbucket.org/a/b/src/0123abc/x/y.py#lines-7"),
        ("https://git.example:8443/a/b.git", "https://git.example:8443/a/b/blob/0123abc/x/y.py#L7"),
        ("", ""),
        ("javascript:alert(1)//a/b", ""),
        ("https://me:token@github.com/a/b", "https://github.com/a/b/blob/0123abc/x/y.py#L7"),
        ("http://[::1/a/b", ""),
        ("http://host:port/a/b", ""),
    ],
)
def test_permalinks(repository: str, link: str) -> None:
    assert permalink(repository, "0123abc", "x/y.py", 7) == link
    assert permalink(repository, "main; rm", "x/y.py", 7) == ""


def test_secrets_in_the_source_are_masked() -> None:
    key = "AK" + "IA" + "QWERTYUIOPASDFG2"
    pem = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
    change = Change("0123abc", NOW, f"Rotate {key}")
    where = masked_source(
        Source(
            "a.py",
            2,
            "f",
            (
                (1, f'KEY = "{key}"'),
                (2, "to = 'a.b@mail-post.eu'"),
                (3, pem),
                (4, "x" * 185 + f" {key}"),
            ),
            "",
            "",
            change,
        )
    )
    assert key not in repr(where)
    assert "a.b@mail-post.eu" not in repr(where)
    assert pem not in repr(where)
    assert "IAQWE" not in repr(where), "what is cut off is masked first"
    assert [number for number, _ in where.lines] == [1, 2, 3, 4]


def test_a_line_that_moved_has_no_last_change(agent: Path) -> None:
    """Without a revision the folder is shown; git is asked about what is committed."""
    roots = read_roots(str(agent))
    where = source("agent.py", 1, "f", "", "", roots, Budget(60))
    assert dict(where.lines)[1] == "moved = 0"
    assert where.change is None
    at = source("agent.py", 1, "f", revision(agent), "", roots, Budget(60))
    assert at.change is not None
