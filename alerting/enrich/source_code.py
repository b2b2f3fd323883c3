"""The source around a failing step: from configured roots, else from git at the span's revision.

A span may name any path and any revision, and spans come from others: nothing outside the roots is
read, whatever the path looks like, and git gets no argument that could be an option.
"""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

from alerting.case import Change, Source
from alerting.enrich.budget import Budget
from service.errors import UserError

_AROUND = 5
_MOST_BYTES = 1 << 20
#: More than is shown, so that a secret at the end is whole when secrets are masked.
_MOST_LINE = 1000
_GIT_SECONDS = 5
_REVISION = re.compile(r"[0-9a-f]{7,40}")
_NAME = re.compile(r"[\w.~-]+(?:/[\w.~-]+)+")
_SCP = re.compile(r"^(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)$")

Root = tuple[str, Path]
"""What paths in spans begin with ('' for relative ones too), and the folder that is here."""


class RootsError(UserError):
    """EVERYSPAN_SOURCE_ROOTS can't be read; the text says which part."""


def read_roots(text: str) -> list[Root]:
    """``/app=./agent, /srv/bot=/code/bot`` or just ``./agent``. Raises RootsError."""
    found: list[Root] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        prefix, equals, folder = part.rpartition("=")
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise RootsError(
                f"EVERYSPAN_SOURCE_ROOTS: '{folder}' is no folder; write PATH_IN_SPANS=FOLDER"
            )
        found.append((prefix.rstrip("/") if equals else "", path.resolve()))
    return found


def source(
    file: str,
    line: int,
    function: str,
    revision: str,
    repository: str,
    roots: list[Root],
    budget: Budget,
) -> Source:
    """``missing`` says why there are no lines. Raises OverBudgetError."""
    link = permalink(repository, revision, _in_repository(file, roots, budget), line)
    text, change, missing = "", None, "no file of that name under EVERYSPAN_SOURCE_ROOTS"
    if not roots:
        missing = "set EVERYSPAN_SOURCE_ROOTS to see the source"
    for folder, relative in _places(file, roots):
        # What ran is what the revision says; the folder may have moved on.
        found = _from_git(folder, relative, revision, budget)
        if found is None:
            found = _from_folder(folder, relative)
        if found is not None:
            text, missing = found, ""
            break
    lines = text.splitlines()
    if text and not 0 < line <= len(lines):
        text, missing = "", f"the file has {len(lines)} lines only; it is of another revision"
    elif text:
        change = _last_change(folder, relative, line, revision, lines[line - 1], budget)
    around = range(max(1, line - _AROUND), min(len(lines), line + _AROUND) + 1) if text else ()
    shown = tuple((number, lines[number - 1][:_MOST_LINE]) for number in around)
    return Source(file, line, function, shown, revision, link, change, missing)


def permalink(repository: str, revision: str, path: str, line: int) -> str:
    """To the line at GitHub, GitLab or Bitbucket; '' where repository or revision do not say."""
    if not repository or not _REVISION.fullmatch(revision) or not path:
        return ""
    if scp := _SCP.match(repository):
        host, name = scp[1], scp[2]
    else:
        try:
            parts = urlsplit(repository)
            port = f":{parts.port}" if parts.port and parts.scheme in ("http", "https") else ""
        except ValueError:
            return ""
        host, name = f"{parts.hostname or ''}{port}", parts.path
    name = name.strip("/").removesuffix(".git")
    if not host or not _NAME.fullmatch(name) or ".." in name:
        return ""
    told = quote(path.lstrip("/"))
    if "gitlab" in host:
        return f"https://{host}/{name}/-/blob/{revision}/{told}#L{line}"
    if "bitbucket" in host:
        return f"https://{host}/{name}/src/{revision}/{told}#lines-{line}"
    return f"https://{host}/{name}/blob/{revision}/{told}#L{line}"


def _in_repository(file: str, roots: list[Root], budget: Budget) -> str:
    """The path as the repository has it: below the top of the working tree, where one is here."""
    for folder, relative in _places(file, roots):
        top = _git(folder, budget, "rev-parse", "--show-prefix")
        if top is not None:
            return f"{top.strip()}{relative}"
    return file if not PurePosixPath(file).is_absolute() else ""


def _places(file: str, roots: list[Root]) -> list[tuple[Path, str]]:
    """Folder and path below it, for each root that the path could be under."""
    if not file.isprintable():
        return []
    path = PurePosixPath(file.replace("\\", "/"))
    found: list[tuple[Path, str]] = []
    for prefix, folder in roots:
        relative = path
        if path.is_absolute():
            base = PurePosixPath(prefix or str(folder))
            if not path.is_relative_to(base):
                continue
            relative = path.relative_to(base)
        # Hidden files are no source, and have secrets: .git/config, .env.
        if relative.parts and not any(part.startswith(".") for part in relative.parts):
            found.append((folder, str(relative)))
    return found


def _from_folder(folder: Path, relative: str) -> str | None:
    try:
        path = (folder / relative).resolve()
        # A link may lead out of the root, or to what is hidden in it.
        if not path.is_relative_to(folder) or not path.is_file():
            return None
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            return None
        if path.stat().st_size > _MOST_BYTES:
            return None
        return _text(path.read_bytes())
    except OSError:
        # A name that is too long, a file that is not ours to read.
        return None


def _from_git(folder: Path, relative: str, revision: str, budget: Budget) -> str | None:
    if not _REVISION.fullmatch(revision):
        return None
    # A blob: of a folder there is a list of its files, which is nobody's source.
    found = _git(folder, budget, "cat-file", "blob", f"{revision}:./{relative}")
    return found if found is not None and len(found) <= _MOST_BYTES else None


def _last_change(
    folder: Path, relative: str, line: int, revision: str, text: str, budget: Budget
) -> Change | None:
    """Of the line that says ``text``; None where it says something else at the revision."""
    at = revision if _REVISION.fullmatch(revision) else "HEAD"
    lines = f"{line},{line}"
    found = _git(
        folder,
        budget,
        "blame",
        "--porcelain",
        "--no-textconv",
        "-L",
        lines,
        at,
        "--",
        f"./{relative}",
    )
    if not found or f"\n\t{text}\n" not in f"{found}\n":
        return None
    commit = found.split(" ", 1)[0]
    facts = dict(
        each.split(" ", 1) for each in found.splitlines() if " " in each and each[0] != "\t"
    )
    if set(commit) == {"0"} or "author-time" not in facts:
        return None
    date = datetime.fromtimestamp(int(facts["author-time"]), UTC)
    return Change(commit[:12], date, facts.get("summary", "")[:200])


def _git(folder: Path, budget: Budget, *arguments: str) -> str | None:
    """What git says, None where it does not. No hook of the folder's runs, nothing is fetched."""
    # Mounted folders belong to another user often; whoever set the root trusts it.
    safe = ("-c", "core.fsmonitor=false", "-c", "safe.directory=*")
    command = ["git", "--no-optional-locks", *safe, "-C", str(folder)]
    try:
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            timeout=min(_GIT_SECONDS, budget.left()),
            check=False,
            env=os.environ | {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _text(done.stdout) if done.returncode == 0 else None


def _text(data: bytes) -> str | None:
    if b"\0" in data[:8192]:
        return None
    return data.decode("utf-8", errors="replace")
