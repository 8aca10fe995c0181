"""Posts on Bluesky, or on any other server of the AT Protocol (PDS)."""

from steersman.content.adapters.bluesky.channel import BlueskyChannel, create

__all__ = ["BlueskyChannel", "create"]
