"""How the author writes, and where a draft sounds unlike that. Advice with reasons; it can never stop a post."""

from steersman.content.voice.compare import Comparison, Reason, compare
from steersman.content.voice.corpus import Corpus, Text
from steersman.content.voice.engine import VoiceChecker
from steersman.content.voice.profile import Profile, profile

__all__ = ["Comparison", "Corpus", "Profile", "Reason", "Text", "VoiceChecker", "compare", "profile"]
