"""The git revision, branch and repository of a folder, read from .git without running git.

Understands worktrees, submodules, packed refs and a detached HEAD
(https://git-scm.com/docs/gitrepository-layout). The reftable format keeps refs in a binary
file: there only the repository is found; name the revision by EVERYSPAN_GIT_REVISION.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_REVISION = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SCP_URL = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^/\s\\].*)")
_SECTION = re.compile(r'\[\s*remote\s+"(?P<name>[^"]+)"\s*\]')
_OVERRIDES = {
    "EVERYSPAN_GIT_REVISION": "vcs.ref.head.revision",
    "EVERYSPAN_GIT_REF": "vcs.ref.head.name",
    "EVERYSPAN_GIT_REPOSITORY": "vcs.repository.url.full",
}


@dataclass(frozen=True)
class Checkout:
    """A work tree: its top folder, the folder of HEAD, and that of refs and config."""

    root: Path
    git_dir: Path
    common_dir: Path


def find(start: Path) -> Checkout | None:
    """The checkout that `start` lies in."""
    for folder in (start, *start.parents):
        marker = folder / ".git"
        try:
            if marker.is_dir():
                git_dir = marker
            elif marker.is_file():  # a worktree or a submodule
                text = marker.read_text(encoding="utf-8", errors="replace").strip()
                if not text.startswith("gitdir:"):
                    continue
                git_dir = (folder / text.removeprefix("gitdir:").strip()).resolve()
            else:
                continue
            if not (git_dir / "HEAD").is_file():
                continue
            common = _read(git_dir / "commondir")
            common_dir = (git_dir / common.strip()).resolve() if common else git_dir
        except OSError:
            continue
        return Checkout(folder, git_dir, common_dir)
    return None


def attributes(
    checkout: Checkout | None, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The `vcs.*` resource attributes; EVERYSPAN_GIT_* variables win over what is read."""
    found: dict[str, str] = {}
    if checkout is not None:
        branch, revision = _head(checkout)
        if revision:
            found["vcs.ref.head.revision"] = revision
        if branch:
            found["vcs.ref.head.name"] = branch
            found["vcs.ref.head.type"] = "branch"
        if url := _remote(checkout):
            found["vcs.repository.url.full"] = url
    for variable, name in _OVERRIDES.items():
        if value := environ.get(variable, "").strip():
            found[name] = browser_url(value) or value if name.endswith("url.full") else value
    return found


def browser_url(remote: str) -> str:
    """The address a browser opens for a git remote; '' for a local path.

    Credentials, query, fragment and the `.git` ending are taken off
    (semantic-conventions, vcs.repository.url.full: canonical URL without `.git`).
    """
    remote = remote.strip()
    if "://" not in remote:
        match = _SCP_URL.fullmatch(remote)
        if match is None or len(match["host"]) == 1:  # a path, or a Windows drive
            return ""
        scheme, host, path = "https", match["host"], match["path"]
    else:
        try:
            parts = urlsplit(remote)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return ""
        if parts.scheme not in ("http", "https", "ssh", "git", "git+ssh") or not host:
            return ""
        scheme = parts.scheme if parts.scheme in ("http", "https") else "https"
        if ":" in host:
            host = f"[{host}]"
        if port and scheme == parts.scheme:  # an ssh port means nothing to a browser
            host = f"{host}:{port}"
        path = parts.path
    path = path.strip("/")
    return f"{scheme}://{host}/{path.removesuffix('.git')}"


def _head(checkout: Checkout) -> tuple[str, str]:
    """`(branch, revision)`; no branch when HEAD is detached."""
    head = _read(checkout.git_dir / "HEAD").strip()
    branch = ""
    for _ in range(5):  # symbolic refs may point at symbolic refs
        if not head.startswith("ref:"):
            break
        name = head.removeprefix("ref:").strip()
        if not branch and name.startswith("refs/heads/"):
            branch = name.removeprefix("refs/heads/")
        head = _ref(checkout, name)
    if branch == ".invalid":  # the mark of a reftable repository
        branch = ""
    return branch, head if _REVISION.fullmatch(head) else ""


def _ref(checkout: Checkout, name: str) -> str:
    for folder in (checkout.git_dir, checkout.common_dir):
        if value := _read(folder / name).strip():
            return value
    for line in _read(checkout.common_dir / "packed-refs").splitlines():
        revision, _, packed = line.partition(" ")
        if packed.strip() == name:
            return revision
    return ""


def _remote(checkout: Checkout) -> str:
    """`origin`, or the first remote there is."""
    remotes: dict[str, str] = {}
    section = None
    for line in _read(checkout.common_dir / "config").splitlines():
        line = line.strip()
        if line.startswith("["):
            match = _SECTION.fullmatch(line)
            section = match["name"] if match else None
        elif section is not None:
            key, _, value = line.partition("=")
            if key.strip().lower() == "url":
                remotes.setdefault(section, value.strip().strip('"'))
    url = remotes.get("origin") or next(iter(remotes.values()), "")
    return browser_url(url)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
