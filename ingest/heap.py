"""Memory of large blocks goes back to the system as soon as they are let go of.

glibc raises the size from which it does so each time such a block is freed, up to 32 MiB; from then
on bodies and rows leave holes in the heap, and a process that holds 60 MB takes 170.
See mallopt(3), M_MMAP_THRESHOLD.
"""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
_BYTES = 256 << 10


def give_back_large_blocks() -> None:
    """Does nothing where the C library is another one."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _BYTES)
