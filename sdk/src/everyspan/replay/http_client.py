"""Requests that carry the user's key: they go where the user's settings say, and nowhere else."""

from __future__ import annotations

import urllib.request
from typing import Any
from urllib.parse import urlsplit


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: what is in the headers goes to no other host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


#: Without the proxy of the environment.
direct = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def opener(url: str) -> urllib.request.OpenerDirector:
    """Without the proxy of the environment for addresses of this machine; follows no redirect."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.startswith("127.") or host == "::1":
        return direct
    return urllib.request.build_opener(_NoRedirect)
