"""Replays bars from CSV or Parquet files in the order in which they became known."""

from steersman.trading.adapters.replay.feed import ReplayFeed, create

__all__ = ["ReplayFeed", "create"]
