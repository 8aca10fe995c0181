"""The other limits: what a policy file names, over what was in force when each verdict was given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.policy import PolicyActivated, Snapshot
from steersman.policy.document import read_policy
from steersman.policy.parameter import Catalogue, Value
from steersman.trading.gate.facts import Limits, LookBack, limits_for, look_back_for

WINDOW: Final = "trading.duplicate_window"
"""Decides how often a content counts as repeated: a fact, counted again where it is changed."""
_NEVER_ASKED: Final = 2**62
_SECTION: Final = "policy"
GUARDS: Final = ("trading.halt_daily_loss", "trading.halt_drawdown")
"""At these marks of the account everything is halted until a person lifts it."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What limits are resolved for. `approved`: a person had said yes, so the size was not asked about again."""

    version: int
    strategy: str
    instrument: str
    venue: str
    approved: bool


def read_changes(path: Path, catalogue: Catalogue, *, known: Mapping[str, set[str]]) -> dict[str, str]:
    """Return what a policy file sets: canonical text by full parameter name, `@scope:name` for overrides.

    Args:
        known: names that overrides may use, by kind; those of the past too.

    Raises:
        Misconfigured: it cannot be read, says something else than policy, or names what no replay can answer; says
            where, what was found and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Misconfigured(f"{path.name}: byte {exc.start} is not UTF-8", fix=f"save {path} as UTF-8") from exc
    except OSError as exc:
        raise Misconfigured(
            f"{path} cannot be read: {exc.strerror}", fix="name a file with [policy.*] sections"
        ) from exc
    file = TomlFile(text, name=path.name)
    for name in file.data:
        if name != _SECTION:
            raise file.error(
                (name,),
                f"found [{name}], allowed: [policy.*] sections only",
                fix="keep the limits to try and remove the rest: everything else stays as it was",
            )
    changes = read_policy(file, catalogue, known=known)
    answerable = _read_by_the_gate(catalogue) | {WINDOW, *GUARDS}
    for name in changes:
        bare, _, scope = name.partition("@")
        if bare not in answerable:
            domain, _, key = bare.partition(".")
            raise file.error(
                (_SECTION, domain, *([*scope.split(":", 1)] if scope else []), key),
                "decides what was measured, not what is allowed: the ledger does not hold what it would have seen",
                fix=f"remove it; a replay can change: {', '.join(sorted(n.partition('.')[2] for n in answerable))}",
            )
    return changes


class Policies:
    """Every policy version of a ledger, and the same with some values replaced."""

    def __init__(
        self,
        versions: Mapping[int, PolicyActivated],
        changes: Mapping[str, str],
        catalogue: Catalogue,
        *,
        defaults: bool = False,
    ) -> None:
        """Prepare; with `defaults`, what `changes` does not name has its default instead of what was in force."""
        self._versions = versions
        self._changes = changes
        self._catalogue = catalogue
        self._defaults = defaults
        self._snapshots: dict[tuple[int, bool], Snapshot] = {}

    def limits(self, scope: Scope, *, tried: bool) -> Limits:
        """Return the limits a verdict in `scope` met, or with `tried` those it would have met."""
        snapshot = self.snapshot(scope.version, tried=tried)
        found = limits_for(snapshot, strategy=scope.strategy, instrument=scope.instrument, venue=scope.venue)
        if scope.approved and found.approval_notional is not None:
            return msgspec.structs.replace(found, approval_notional=_NEVER_ASKED)
        return found

    def window_ns(self, scope: Scope, *, tried: bool) -> int | None:
        """Return the duplicate window in force in `scope`; None: not set."""
        window = self.snapshot(scope.version, tried=tried).decimal(WINDOW, strategy=scope.strategy)
        return None if window is None else int(window * 10**9)

    def look_back(self, scope: Scope) -> LookBack:
        """Return how far back facts looked in `scope`."""
        snapshot = self.snapshot(scope.version, tried=False)
        return look_back_for(snapshot, strategy=scope.strategy, instrument=scope.instrument, venue=scope.venue)

    @cached_property
    def guards(self) -> bool:
        """Whether other marks of the account than those in force would halt everything."""
        return any(
            self.snapshot(version, tried=True).decimal(name) != self.snapshot(version, tried=False).decimal(name)
            for version in (0, *self._versions)
            for name in GUARDS
            if self._catalogue.get(name) is not None
        )

    def snapshot(self, version: int, *, tried: bool) -> Snapshot:
        """Return a policy version as it was, or with the changes."""
        found = self._snapshots.get((version, tried))
        if found is None:
            found = self._snapshots[version, tried] = self._made(version, tried=tried)
        return found

    def _made(self, version: int, *, tried: bool) -> Snapshot:
        activated = self._versions.get(version)
        recorded = {} if activated is None else activated.values
        # A parameter that was retired since is history: nothing reads it.
        values = {k: v for k, v in recorded.items() if self._catalogue.get(k) is not None}
        if tried:
            values = {**({} if self._defaults else values), **self._changes}
        return Snapshot(version=version, values=values, catalogue=self._catalogue)


class _Listening(Snapshot):
    """Remembers which parameters were asked for."""

    __slots__ = ("asked",)

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(version=0, values={}, catalogue=catalogue)
        self.asked: set[str] = set()

    def get(self, name: str, **scope: str) -> Value | None:
        self.asked.add(name)
        return super().get(name, **scope)


def _read_by_the_gate(catalogue: Catalogue) -> set[str]:
    """Return the parameters that become limits of the gate."""
    listening = _Listening(catalogue)
    limits_for(listening, strategy="", instrument="", venue="")
    return listening.asked
