"""steersman.toml while the desk runs: automations, logins and data come into force as they are written.

`[policy.*]` is the core's (policy_file.py). An edit that is refused changes nothing of what is in force.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from steersman.automation import Manifest, calendars
from steersman.automation import settings as automation
from steersman.bootstrap import in_force
from steersman.bootstrap.desk import Desk
from steersman.bootstrap.engines import KeptEngine, manifest_of, missing_script
from steersman.bootstrap.policy_file import digest_now, digest_of, refuse_edit
from steersman.bootstrap.workspace import FILE, Workspace, load_workspace
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.services.credentials import settings as credentials
from steersman.services.notices import settings as notices
from steersman.services.pulls import settings as pulls

LIVE: Final = frozenset(
    {
        automation.SECTION,
        automation.RESOURCES_SECTION,
        calendars.SECTION,
        credentials.SECTION,
        notices.SECTION,
        *pulls.SECTIONS,
    }
)
"""Sections that come into force in the desk's process without a restart."""
_ELSEWHERE: Final = frozenset({"policy"})
_LOOK_S: Final = 0.5
_AGAIN_S: Final = 5.0
_SHOWN: Final = 5


class ManifestFile:
    """Looks at the file twice a second; each content is judged once, when two looks have found it the same.

    So a file that an editor is writing at this moment is not taken for what it is going to be.
    """

    def __init__(self, desk: Desk, engine: KeptEngine, *, say: Callable[[str], None]) -> None:
        """Prepare; what `desk` has read is what is in force."""
        self._desk = desk
        self._engine = engine
        self._say = say
        self._began = desk.workspace
        self._judged = digest_of(desk.workspace.file.text.encode())
        self._seen = self._judged
        self._waits = ""
        self._missing = str(missing_script(desk.workspace) or "")
        self._restart: tuple[str, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="manifest-file", daemon=True)

    def start(self) -> None:
        """Look until `close`, in a thread of its own."""
        in_force.keep(self._began)
        self._thread.start()

    def close(self) -> None:
        """Return once nothing more comes into force. A second call does nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Take in what changed since the last look, once it stands still."""
        digest = digest_now(self._desk.workspace.root)
        stands, self._seen = digest == self._seen, digest
        if digest == self._judged or not digest or not stands:
            return
        try:
            found = load_workspace(self._desk.workspace.root)
            if digest_of(found.file.text.encode()) != digest:
                return  # written again in this moment: the next look has it
            self._take(found)
        except Misconfigured as exc:
            refuse_edit(self._desk.ledger, digest, exc, actor="desk", now_ns=self._desk.clock.now_ns())
            self._say(f"{FILE} is refused, automations go on as declared before: {exc}")
        except Unavailable as exc:
            if exc.message != self._waits:
                self._waits = exc.message
                self._say(f"what changed in {FILE} waits: {exc}")
            return
        self._judged, self._waits = digest, ""

    def _take(self, found: Workspace) -> None:
        old = self._desk.workspace
        fresh = msgspec.structs.replace(
            old,
            file=found.file,
            automations=found.automations,
            providers=found.providers,
            pulls=found.pulls,
            notify=found.notify,
            policy=found.policy,
        )
        before, manifest = manifest_of(old), manifest_of(fresh)
        self._engine.renew(fresh, manifest)
        in_force.keep(fresh)
        said = differences(before, manifest, old, fresh)
        if said:
            self._say(f"in force from {FILE}: {said}")
        missing = str(missing_script(fresh) or "")
        if missing and missing != self._missing:
            self._say(f"its runs will fail: {missing}")
        self._missing = missing
        self._say_what_waits(found)

    def _say_what_waits(self, found: Workspace) -> None:
        """Name, once, the sections that come into force at the next start only."""
        changed = tuple(sorted(waiting_for_restart(self._began, found)))
        if changed and changed != self._restart:
            self._say(f"changed in {FILE} too, in force when `steersman up` starts anew: {', '.join(changed)}")
        self._restart = changed

    def _follow(self) -> None:
        while not self._stop.wait(_AGAIN_S if self._waits else _LOOK_S):
            try:
                self.look()
            except Exception as exc:  # noqa: BLE001 - a thread of its own: what it does not say nobody learns
                self._say(f"{FILE} could not be taken in: {type(exc).__name__}: {exc}")


def waiting_for_restart(began: Workspace, found: Workspace) -> set[str]:
    """Return the sections, as `[engine]`, that differ from those a process began with and that it reads at a start."""
    names = (set(began.file.data) | set(found.file.data)) - LIVE - _ELSEWHERE
    return {f"[{name}]" for name in names if began.file.data.get(name) != found.file.data.get(name)}


def differences(before: Manifest, after: Manifest, old: Workspace, new: Workspace) -> str:
    """Say what is declared otherwise than before; empty if nothing is that comes into force here."""
    was, now = before.declared(), after.declared()
    logins, data = _changed(old.providers, new.providers), _changed(old.pulls.pulls, new.pulls.pulls)
    told = _changed(old.notify, new.notify)
    parts = [
        _named("new", [name for name in now if name not in was]),
        _named("changed", [name for name in now if name in was and now[name] != was[name]]),
        _named("gone", [name for name in was if name not in now]),
        _named("logins", [f"[provider.{name}]" for name in logins]),
        _named("data", [f"[pull.{name}]" for name in data]),
        _named("told", [f"[notify.{name}]" for name in told]),
    ]
    if old.pulls != new.pulls and not data:
        parts.append("changed [cache]")
    return "; ".join(filter(None, parts))


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def _named(word: str, names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{word} {', '.join(names[:_SHOWN])}{more}" if names else ""
