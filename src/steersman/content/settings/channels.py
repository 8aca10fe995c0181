"""`[channel.NAME]`: what every kind of channel has in common; each kind adds its own beside its adapter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every channel may say.

    Attributes:
        kind: the adapter.
        types: content types it takes; empty takes all. A draft that names its channels goes there whatever its type.
        link: the channel whose address a short post carries, e.g. "site"; the post waits until that one is out.
    """

    kind: str
    types: tuple[str, ...] = ()
    link: str = ""

    def problems(self, root: Path) -> Iterator[tuple[str, str, str]]:
        """Yield (field, what was found and what is allowed, fix) for each value that cannot be used."""
        yield from ()


def check_declared(name: str | None, declared: Iterable[str]) -> None:
    """Refuse a channel that is not among `declared`; None names none.

    Raises:
        Misconfigured: names those there are.
    """
    known = sorted(declared)
    if name is not None and name not in known:
        raise Misconfigured(
            f"there is no channel {name!r}", fix=f"declared in steersman.toml: {', '.join(known) or 'none'}"
        )


ChannelType = Callable[[str], type[ChannelSettings]]


def read(file: TomlFile, root: Path, channel_type: ChannelType) -> dict[str, ChannelSettings]:
    """Decode and check `[channel.*]`.

    Raises:
        Misconfigured: names file, line, field, what was found and what is allowed.
    """
    found: dict[str, ChannelSettings] = {}
    for name in file.section(("channel",), dict[str, dict[str, Any]]):
        here = ("channel", name)
        if not _NAME.fullmatch(name):
            raise file.error(
                here, "a name is a small letter, then small letters, digits, - or _ (40 at most)", fix="rename it"
            )
        found[name] = file.section(here, file.kind_type(here, channel_type, "site"))
        for field, problem, fix in found[name].problems(root):
            raise file.error((*here, field), problem, fix=fix)
    for name, channel in found.items():
        if channel.link and (channel.link not in found or channel.link == name):
            others = ", ".join(other for other in found if other != name) or "none"
            raise file.error(
                ("channel", name, "link"),
                f"found {channel.link!r}, allowed: another channel ({others})",
                fix="name one",
            )
    return found
