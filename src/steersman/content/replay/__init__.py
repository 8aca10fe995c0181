"""Replays what an author fixed, in the order of time, against whatever claims to have found it first."""
