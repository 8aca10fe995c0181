"""A Mastodon account by an access token."""

from steersman.content.adapters.mastodon.channel import MastodonChannel, create

__all__ = ["MastodonChannel", "create"]
