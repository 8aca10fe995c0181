"""What readers did with posts: looked at when they are equally old, and read in from files of others."""

from steersman.content.engagement.history import History
from steersman.content.engagement.snapshots import Look, Snapshots, is_in_time, total

__all__ = ["History", "Look", "Snapshots", "is_in_time", "total"]
