"""Steersman: the control plane of a one-person operation that trades, runs scripts and publishes."""

__version__ = "0.1.0"
