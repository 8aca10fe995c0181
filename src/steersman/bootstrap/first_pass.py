"""The engines of a workspace's first pass beside grammar and spelling: its house styles and its author's voice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from steersman.bootstrap.desk import Desk
from steersman.content import queries
from steersman.content.ports import Checker
from steersman.content.qa.packs import Pack, PackChecker, Posts, load
from steersman.content.settings import QaSettings
from steersman.content.voice import Corpus, VoiceChecker
from steersman.kernel.errors import Misconfigured


def published(desk: Desk) -> Callable[[], list[str]]:
    """Return how to ask which drafts are out on some channel, in the order of their names."""
    return lambda: list(queries.published(desk.db))


def packs(desk: Desk) -> list[Pack]:
    """Return the house styles of the workspace.

    Raises:
        Misconfigured: one of them is not there or wrong; names it.
    """
    content = desk.workspace.content
    found = []
    for name in content.qa.packs:
        try:
            found.append(load(name, desk.workspace.root))
        except Misconfigured as exc:
            raise desk.workspace.file.error(("content", "packs"), exc.message, fix=exc.fix) from exc
    return found


def with_gates(settings: QaSettings, packs: Sequence[Pack]) -> QaSettings:
    """Return the settings with what the house styles themselves make a gate."""
    added = [gate for pack in packs for gate in pack.pack.gates]
    return msgspec.structs.replace(settings, gates=tuple(dict.fromkeys((*settings.gates, *added))))


def corpus(desk: Desk) -> Corpus:
    """Return the author's own texts."""
    content = desk.workspace.content
    return Corpus(desk.workspace.root, content.qa, content.voice, published(desk))


def styles(desk: Desk, packs: Sequence[Pack]) -> list[Checker]:
    """Return the engines of house style and voice, those that the workspace asks for."""
    content = desk.workspace.content
    engines: list[Checker] = []
    if packs:
        engines.append(PackChecker(packs, earlier=Posts(desk.workspace.root, content.qa, published(desk))))
    if content.voice.enabled:
        engines.append(VoiceChecker(corpus(desk)))
    return engines
