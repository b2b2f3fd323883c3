"""Which versions of the SDK and the server fit each other.

A server takes what every SDK of its own or an earlier minor version sends; what a later one sends
may have attributes that it does not read. So the server is upgraded first. What an SDK sends says
its version (`telemetry.distro.*` of the resource, as OpenTelemetry's conventions name it), and the
server's answer says its own (`HEADER`); both say it where they don't fit, and neither refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

#: Of an answer of Everyspan's ingest to spans and log records.
HEADER = "everyspan-version"
#: `telemetry.distro.name` of the SDK.
DISTRIBUTION = "everyspan-sdk"


def own() -> str:
    """The SDK's version; '' where it runs without being installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return ""


def newer(sdk: str, server: str) -> bool:
    """Whether the SDK's minor version is after the server's. False where one is no version."""
    first, second = _minor(sdk), _minor(server)
    return first is not None and second is not None and first > second


def misfit(headers: Mapping[str, str]) -> str:
    """What an answer's headers say about this SDK, with the remedy; '' where they fit, or where
    no server of ours answered."""
    server = headers.get(HEADER, "")
    if not newer(own(), server):
        return ""
    return (
        f"the SDK ({own()}) is newer than the server ({server[:40]}), which may not read all that"
        " it sends: upgrade the server, or pip install 'everyspan-sdk=="
        f"{'.'.join(map(str, _minor(server) or ()))}.*'"
    )


def _minor(of: str) -> tuple[int, int] | None:
    parts = of.split(".")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() for part in parts[:2]):
        return None
    return int(parts[0][:9]), int(parts[1][:9])
