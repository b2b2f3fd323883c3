"""The key of the page: without a token, whoever opens the page with it may change something.

A browser on this machine may look, whoever sits at it and whatever page sent it here. To answer, to
silence and to send again takes the key, which `everyspan up` prints as an address: opened once, the
browser keeps it as a cookie. No other site learns it, and a program of another user can't read it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr

from web.settings import WebSettings

logger = logging.getLogger(__name__)

FILE = "web.key"
#: Where it is shown, and becomes a cookie.
ENTER = "/enter"
_BYTES = 24
_FORM = re.compile(r"[A-Za-z0-9_-]{32}")


def key(settings: WebSettings) -> SecretStr:
    """Of the data directory, so that a restart changes nothing; beside a server's ClickHouse, and
    where the directory can't be written, one of this process. Empty where a token is set: that is
    what is asked for then."""
    if settings.web_token.get_secret_value():
        return SecretStr("")
    if settings.embedded:
        try:
            return SecretStr(_kept(settings.data / FILE))
        except OSError as error:
            logger.warning("%s: %s; the page's key is new at each start", FILE, error.strerror)
    return SecretStr(_of_this_process())


@lru_cache(maxsize=1)
def _of_this_process() -> str:
    return secrets.token_urlsafe(_BYTES)


def cookie(given: SecretStr) -> str:
    """Its name. Cookies know no port: stacks side by side have different ones."""
    return f"everyspan-{hashlib.sha256(given.get_secret_value().encode()).hexdigest()[:8]}"


def address(page: str, given: SecretStr) -> str:
    """Of the page, with its key where it has one. ``page``: its URL."""
    secret = given.get_secret_value()
    return f"{page}{ENTER}?key={secret}" if secret else page


def _kept(path: Path) -> str:
    """Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # For its owner alone, and never through a link that somebody put there.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        # A link is not read either: it may lead to what never ends.
        if path.is_file() and not path.is_symlink():
            found = path.read_text(encoding="ascii", errors="replace").strip()
            if _FORM.fullmatch(found):
                return found
        path.unlink()
        return _kept(path)
    made = secrets.token_urlsafe(_BYTES)
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(made)
    return made
