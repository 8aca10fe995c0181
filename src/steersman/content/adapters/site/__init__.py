"""The default channel: a folder of static pages with an Atom feed, one git commit per post."""

from steersman.content.adapters.site.channel import SiteChannel, create

__all__ = ["SiteChannel", "create"]
