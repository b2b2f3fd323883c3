"""Content codings of requests and answers: gzip, deflate, lz4 (frames) and zstd.

A request may hold several lz4 or zstd frames in a row: clickhouse-connect sends one a block.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import lz4.frame
import zstandard

from clickhouse.embedded_http.errors import QueryRefused

_CHUNK = 64 * 1024
# Below this size the saved bytes do not pay for the work.
_MIN_COMPRESSED = 1024


def decode(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo ``Content-Encoding``; at most ``limit`` bytes come out.

    Raises QueryRefused: 48 for an unknown encoding, 36 for a broken body, 229 for a larger one.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    start = _DECODERS.get(encoding)
    if start is None:
        raise QueryRefused(
            48, f"Content-Encoding '{encoding}' is not supported; use gzip, deflate, lz4 or zstd"
        )
    try:
        return _inflate(body, start, limit)
    except QueryRefused:
        raise
    except Exception as error:
        raise QueryRefused(36, f"the body is not valid {encoding}: {error}") from error


def encode(body: bytes, accept_encoding: str) -> tuple[bytes, str]:
    """Compress an answer with the first coding of ours that the client accepts, '' for none."""
    if len(body) < _MIN_COMPRESSED:
        return body, ""
    accepted = _accepted(accept_encoding)
    for name, compress in _ENCODERS.items():
        if name in accepted:
            return compress(body), name
    return body, ""


def _inflate(body: bytes, start: Callable[[], Any], limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body:
        decoder = start()
        pending = body
        body = b""
        for offset in range(0, len(pending), _CHUNK):
            # A chunk of 64 KiB gives at most about 64 MiB (deflate's ratio is near 1:1000).
            part = decoder.decompress(pending[offset : offset + _CHUNK])
            size += len(part)
            if size > limit:
                raise QueryRefused(229, f"the decompressed body is over {limit} bytes")
            parts.append(part)
            if decoder.eof:
                body = (decoder.unused_data or b"") + pending[offset + _CHUNK :]
                break
        else:
            raise ValueError("it ends in the middle of a frame")
    return b"".join(parts)


def _accepted(header: str) -> set[str]:
    """Names in an ``Accept-Encoding`` header whose quality is not zero (RFC 9110, 12.5.3)."""
    names = set()
    for item in header.lower().split(","):
        name, _, weight = item.partition(";")
        quality = weight.partition("=")[2].strip() or "1"
        try:
            if float(quality) > 0:
                names.add(name.strip())
        except ValueError:
            continue
    return names


_DECODERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "deflate": lambda: zlib.decompressobj(15),
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(),
}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lambda body: bytes(lz4.frame.compress(body)),
    "zstd": lambda body: zstandard.ZstdCompressor(level=1).compress(body),
    "gzip": lambda body: gzip.compress(body, 1),
    "deflate": lambda body: zlib.compress(body, 1),
}
