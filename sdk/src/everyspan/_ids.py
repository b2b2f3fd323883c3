"""Ids of traces and spans from the operating system's random numbers.

OpenTelemetry's own generator draws from the global `random`: a program that calls
`random.seed(42)`, as training and test code does, gets the same ids at each run, and the second
run's spans take the place of the first's.
"""

from __future__ import annotations

import os

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator


class SystemIdGenerator(IdGenerator):
    """Ids of `os.urandom`: no seed reaches them, and a forked process has no state to share."""

    def generate_span_id(self) -> int:
        """64 bits, never 0, which W3C Trace Context calls invalid."""
        return _not_zero(8)

    def generate_trace_id(self) -> int:
        """128 bits, never 0."""
        return _not_zero(16)

    def is_trace_id_random(self) -> bool:
        """W3C Trace Context level 2: at least the lowest 56 bits are random."""
        return True


def _not_zero(size: int) -> int:
    while not (number := int.from_bytes(os.urandom(size), "big")):
        pass
    return number


def secure(provider: TracerProvider) -> None:
    """Has a provider made elsewhere draw its ids from the system too.

    Only where its generator is exactly OpenTelemetry's own: another was chosen by somebody (X-Ray
    wants the time in its ids). Tracers handed out before hold the same generator object, so its
    methods are replaced, not the object.
    """
    generator = provider.id_generator
    if type(generator) is RandomIdGenerator:
        ours = SystemIdGenerator()
        generator.generate_span_id = ours.generate_span_id  # type: ignore[method-assign]
        generator.generate_trace_id = ours.generate_trace_id  # type: ignore[method-assign]
