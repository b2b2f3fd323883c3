"""Decompression: what comes back, what is refused, and that no bomb goes off."""

from __future__ import annotations

import base64
import contextlib
import gzip
import tracemalloc
import zlib

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ingest.body import decompress
from ingest.refusal import Refused

TEXT = b"every span is judged. " * 1000
CODED = {
    "": TEXT,
    "identity": TEXT,
    "gzip": gzip.compress(TEXT),
    "GZIP": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
    "zlib": zlib.compress(TEXT),
    "lz4": lz4.frame.compress(TEXT),
}


#: "every span is judged. " ten times over, as the Rust snap library writes it.
SNAPPY = "3AFUZXZlcnkgc3BhbiBpcyBqdWRnZWQuIP4WAP4WAP4WAAkW"
FRAMED = "/wYAAHNOYVBwWQAoAADXUvzw" + SNAPPY


@pytest.mark.parametrize("body", [SNAPPY, FRAMED], ids=["block", "framed"])
def test_snappy(body: str) -> None:
    data = base64.b64decode(body)
    assert decompress(data, "snappy", 220) == b"every span is judged. " * 10
    with pytest.raises(Refused, match="over 219 bytes"):
        decompress(data, "snappy", 219)
    for end in range(len(data)):
        with contextlib.suppress(Refused):
            assert len(decompress(data[:end], "snappy", 220)) < 220


@pytest.mark.parametrize("encoding", CODED)
def test_round_trip(encoding: str) -> None:
    assert decompress(CODED[encoding], encoding, len(TEXT)) == TEXT


def test_several_members_and_raw_deflate() -> None:
    assert decompress(gzip.compress(b"a") + gzip.compress(b"b"), "gzip", 10) == b"ab"
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert decompress(raw.compress(TEXT) + raw.flush(), "deflate", 1 << 20) == TEXT
    frames = zstandard.compress(b"a") + zstandard.compress(b"b")
    assert decompress(frames, "zstd", 10) == b"ab"
    stream = zstandard.ZstdCompressor().compressobj()
    assert decompress(stream.compress(TEXT) + stream.flush(), "zstd", 1 << 20) == TEXT


@pytest.mark.parametrize("encoding", CODED)
def test_over_the_limit_is_413(encoding: str) -> None:
    with pytest.raises(Refused) as refused:
        decompress(CODED[encoding], encoding, len(TEXT) - 1)
    assert refused.value.refusal.status == 413
    assert "EVERYSPAN_MAX_DECOMPRESSED_BYTES" in refused.value.refusal.message


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_truncated_is_400(encoding: str) -> None:
    for cut in (1, 5, 20):
        with pytest.raises(Refused) as refused:
            decompress(CODED[encoding][:-cut], encoding, 1 << 20)
        assert refused.value.refusal.status == 400


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@given(body=st.binary(min_size=1, max_size=200))
def test_noise_never_crashes(encoding: str, body: bytes) -> None:
    status = 0
    try:
        size = len(decompress(body, encoding, 1000))
    except Refused as refused:
        size, status = 0, refused.refusal.status
    assert size <= 1000
    assert status in (0, 400, 413)


def test_unknown_coding_is_415() -> None:
    with pytest.raises(Refused) as refused:
        decompress(b"x", "br", 10)
    assert refused.value.refusal.status == 415
    assert "gzip" in refused.value.refusal.message


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_gigabyte_bomb_stays_small(encoding: str) -> None:
    zeros = bytes(1 << 20)
    if encoding == "zstd":
        zstd = zstandard.ZstdCompressor().compressobj()
        bomb = b"".join(zstd.compress(zeros) for _ in range(1024)) + zstd.flush()
    else:
        packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
        bomb = b"".join(packer.compress(zeros) for _ in range(1024)) + packer.flush()
    tracemalloc.start()
    with pytest.raises(Refused) as refused:
        decompress(bomb, encoding, 8 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.refusal.status == 413
    assert peak < 32 << 20
