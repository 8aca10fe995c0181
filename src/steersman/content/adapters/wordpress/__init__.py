"""A WordPress site by its REST API and an application password."""

from steersman.content.adapters.wordpress.channel import WordPressChannel, create

__all__ = ["WordPressChannel", "create"]
