"""House style as TOML: what a pack may say, where packs come from, and the engine that holds drafts to them."""

from steersman.content.qa.packs.checker import PackChecker
from steersman.content.qa.packs.likeness import Earlier, Posts
from steersman.content.qa.packs.pack import Pack
from steersman.content.qa.packs.reading import load, ready_names, ready_text

__all__ = ["Earlier", "Pack", "PackChecker", "Posts", "load", "ready_names", "ready_text"]
