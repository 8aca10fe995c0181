"""Typed, bounded, versioned parameters; the snapshot the hot path reads; the halt switch."""

from steersman.policy.events import HaltLifted, HaltSet, PolicyActivated
from steersman.policy.halts import HaltState, Scope
from steersman.policy.parameter import Kind, Level, Loosens, Parameter
from steersman.policy.snapshot import Snapshot

__all__ = [
    "HaltLifted",
    "HaltSet",
    "HaltState",
    "Kind",
    "Level",
    "Loosens",
    "Parameter",
    "PolicyActivated",
    "Scope",
    "Snapshot",
]
