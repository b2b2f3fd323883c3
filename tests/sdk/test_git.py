"""Revision, branch and repository from real git checkouts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

from everyspan import _git


def git(folder: Path, *arguments: str) -> str:
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
        # None: the file is not there.
        "GIT_CONFIG_GLOBAL": str(folder / "no-config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
    }
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


def read(folder: Path, **environ: str) -> dict[str, str]:
    return _git.attributes(_git.find(folder), environ)


def test_branch_and_revision(repository: Path) -> None:
    below = repository / "a" / "b"
    below.mkdir(parents=True)
    assert read(below) == {
        "vcs.ref.head.revision": git(repository, "rev-parse", "HEAD"),
        "vcs.ref.head.name": "main",
        "vcs.ref.head.type": "branch",
    }
    checkout = _git.find(below)
    assert checkout is not None
    assert checkout.root == repository


def test_packed_refs(repository: Path) -> None:
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git/refs/heads/main").exists()
    assert read(repository)["vcs.ref.head.revision"] == git(repository, "rev-parse", "HEAD")


def test_detached_head_has_no_branch(repository: Path) -> None:
    revision = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "--detach")
    assert read(repository) == {"vcs.ref.head.revision": revision}


@pytest.mark.parametrize("packed", [False, True])
def test_worktree(repository: Path, tmp_path: Path, packed: bool) -> None:
    git(repository, "remote", "add", "origin", "https://example.org/team/agent.git")
    git(repository, "worktree", "add", "-q", "-b", "side/way", str(tmp_path / "other"))
    git(tmp_path / "other", "commit", "-q", "--allow-empty", "-m", "two")
    if packed:
        git(repository, "pack-refs", "--all")
    assert read(tmp_path / "other") == {
        "vcs.ref.head.revision": git(tmp_path / "other", "rev-parse", "HEAD"),
        "vcs.ref.head.name": "side/way",
        "vcs.ref.head.type": "branch",
        "vcs.repository.url.full": "https://example.org/team/agent",
    }


def test_a_repository_without_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    assert read(tmp_path) == {"vcs.ref.head.name": "main", "vcs.ref.head.type": "branch"}


def test_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("nonsense", encoding="utf-8")
    assert _git.find(tmp_path) is None
    assert _git.attributes(None, {}) == {}


def test_environment_wins(repository: Path) -> None:
    found = read(
        repository,
        EVERYSPAN_GIT_REVISION="feed" * 10,
        EVERYSPAN_GIT_REF="release",
        EVERYSPAN_GIT_REPOSITORY="git@example.org:team/agent.git",
    )
    assert found["vcs.ref.head.revision"] == "feed" * 10
    assert found["vcs.ref.head.name"] == "release"
    assert found["vcs.repository.url.full"] == "https://example.org/team/agent"


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://example.org/team/agent.git", "https://example.org/team/agent"),
        ("https://robot:pa55@example.org/team/agent", "https://example.org/team/agent"),
        ("https://token@example.org:8443/a/b.git/", "https://example.org:8443/a/b"),
        ("https://example.org/a/b.git?access_token=x#y", "https://example.org/a/b"),
        ("git@example.org:team/agent.git", "https://example.org/team/agent"),
        ("example.org:team/agent", "https://example.org/team/agent"),
        ("ssh://git@example.org:2222/team/agent.git", "https://example.org/team/agent"),
        ("/srv/git/agent.git", ""),
        ("../agent", ""),
        ("C:\\git\\agent", ""),
        ("file:///srv/git/agent.git", ""),
    ],
)
def test_remote_urls(repository: Path, remote: str, url: str) -> None:
    git(repository, "remote", "add", "origin", remote)
    assert read(repository).get("vcs.repository.url.full", "") == url


def test_origin_is_preferred(repository: Path) -> None:
    git(repository, "remote", "add", "fork", "https://example.org/fork/agent")
    assert read(repository)["vcs.repository.url.full"] == "https://example.org/fork/agent"
    git(repository, "remote", "add", "origin", "https://example.org/team/agent")
    assert read(repository)["vcs.repository.url.full"] == "https://example.org/team/agent"
