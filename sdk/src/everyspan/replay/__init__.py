"""Replay and fork a recorded trace: `everyspan replay TRACE_ID --from-step 4 --entry module:function`.

Runs in the agent's own environment. README.md says how.
"""

from __future__ import annotations

from everyspan.replay.errors import ReplayedError, ReplayError, ReplayStopped
from everyspan.replay.record import Step, Trace
from everyspan.replay.urls import model_url

__all__ = ["ReplayError", "ReplayStopped", "ReplayedError", "Step", "Trace", "model_url"]
