"""Decompresses request bodies without ever holding more than the limit.

See RFC 9110, section 8.4 for the names of the codings.
"""

from __future__ import annotations

import zlib
from http import HTTPStatus
from typing import Protocol

import zstandard

from ingest.refusal import Refusal, Refused

ENCODINGS = ("identity", "gzip", "deflate", "zstd")
_STEP = 1 << 20


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    @property
    def unused_data(self) -> bytes: ...


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before ``encoding`` (a Content-Encoding value; '' means identity).

    Raises Refused: 413 when it would be over ``limit`` bytes, 400 when it is truncated or not in
    that coding, 415 for a coding that is not in ENCODINGS.
    """
    coding = encoding.strip().lower() or "identity"
    if coding == "identity":
        if len(body) > limit:
            raise Refused(_too_large(limit))
        return body
    if coding in ("gzip", "x-gzip"):
        return _inflate(body, "gzip", zlib.MAX_WBITS | 16, limit)
    if coding == "deflate":
        # RFC 9110 means the zlib format; some senders leave its two-byte header out.
        raw = len(body) < 2 or (body[0] & 0x0F) != 8 or (body[0] << 8 | body[1]) % 31
        return _inflate(body, coding, -zlib.MAX_WBITS if raw else zlib.MAX_WBITS, limit)
    if coding == "zstd":
        return _unzstd(body, limit)
    raise Refused(
        Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding '{coding}' is not supported; use one of {', '.join(ENCODINGS)}",
        )
    )


def _inflate(body: bytes, coding: str, window: int, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    rest = body
    while rest:
        # A gzip body may be several members, one after the other.
        stream: _Decompressor = zlib.decompressobj(window)
        while not stream.eof:
            try:
                part = stream.decompress(rest, min(_STEP, limit - size + 1))
            except zlib.error as error:
                raise Refused(_broken(coding, str(error))) from error
            rest = stream.unconsumed_tail
            if not part and not rest and not stream.eof:
                raise Refused(_broken(coding, "it ends too early"))
            parts.append(part)
            size += len(part)
            if size > limit:
                raise Refused(_too_large(limit))
        rest = stream.unused_data
    return b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes:
    # The window is bounded too: a frame may ask for gigabytes of memory.
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    parts: list[bytes] = []
    size = 0
    try:
        with decompressor.stream_reader(body, read_across_frames=True) as reader:
            while part := reader.read(_STEP):
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise Refused(_too_large(limit))
        if not _zstd_complete(body, size, decompressor):
            raise Refused(_broken("zstd", "it ends too early"))
    except zstandard.ZstdError as error:
        raise Refused(_broken("zstd", str(error))) from error
    return b"".join(parts)


def _zstd_complete(body: bytes, size: int, decompressor: zstandard.ZstdDecompressor) -> bool:
    # The reader takes the end of input for the end of the frame. Most frames state their size;
    # else decompress once more, which is safe now that the size is known to be within the limit.
    if zstandard.get_frame_parameters(body).content_size == size:
        return True
    rest = body
    while rest:
        frame = decompressor.decompressobj()
        frame.decompress(rest)
        if not frame.eof:
            return False
        rest = frame.unused_data
    return True


def _too_large(limit: int) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is over {limit} bytes once decompressed; send smaller batches or raise "
        "EVERYSPAN_MAX_DECOMPRESSED_BYTES",
    )


def _broken(coding: str, reason: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, f"the body is not valid {coding}: {reason}")
