"""Bars from CSV or Parquet files: replayed in the order in which they became known, or followed as they grow."""

from steersman.trading.adapters.replay.feed import ReplayFeed, create
from steersman.trading.adapters.replay.follow import FollowFeed, create_follow

__all__ = ["FollowFeed", "ReplayFeed", "create", "create_follow"]
