"""steersman.toml while the desk runs: changed limits are put in force; nonsense is refused, and the old ones stay."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from steersman.bootstrap.workspace import FILE, Workspace, load_workspace
from steersman.kernel.clock import Clock
from steersman.kernel.errors import Conflict, Misconfigured
from steersman.kernel.ids import stable_uuid
from steersman.ledger import Ledger, new_event
from steersman.policy.events import EDIT_REFUSED, POLICY_STREAM, EditRefused
from steersman.policy.store import activate

_EDITS: Final = f"{POLICY_STREAM}/edits"


class PolicyFile:
    """Looks at the file from time to time; each content is judged once, and refused when two looks found it."""

    def __init__(self, workspace: Workspace, ledger: Ledger, clock: Clock) -> None:
        self._root = workspace.root
        self._ledger = ledger
        self._clock = clock
        self._judged = self._doubted = self._digest()

    def look(self) -> str | None:
        """Take in what changed since the last look; return what was done in words, None if nothing was.

        Only `[policy.*]` comes into force this way: what is traded, where and by which strategies is read at a start.
        """
        digest = self._digest()
        if digest == self._judged:
            self._doubted = digest
            return None
        try:
            values = load_workspace(self._root).policy
        except Misconfigured as exc:
            doubted, self._doubted = self._doubted, digest
            if digest != doubted:
                return None  # it may be half written at this moment: the next look tells
            self._judged = digest
            return self._refuse(digest, exc)
        self._judged = digest
        try:
            made = activate(
                self._ledger,
                values,
                actor="person:file",
                reason=f"{FILE} was edited while the desk ran",
                source=FILE,
                now_ns=self._clock.now_ns(),
            )
        except Conflict:
            self._judged = ""  # somebody put another version in force at this moment: look again
            return None
        return f"policy version {made.version} is in force, from {FILE}" if made is not None else None

    def _refuse(self, digest: str, exc: Misconfigured) -> str:
        refuse_edit(self._ledger, digest, exc, actor="core", now_ns=self._clock.now_ns())
        return f"{FILE} is refused, what was in force stays: {exc}"

    def _digest(self) -> str:
        return digest_now(self._root)


def digest_now(root: Path) -> str:
    """Return `digest_of` the file in `root`; empty if it is being written, gone for a moment, or no plain file."""
    try:
        # Whoever opens a pipe waits, for ever, for somebody to write into it.
        return digest_of((root / FILE).read_bytes()) if (root / FILE).is_file() else ""
    except OSError:
        return ""


def digest_of(raw: bytes) -> str:
    """Return what tells one content of the file from another, whoever looks; a byte order mark is no content."""
    return hashlib.sha256(raw.removeprefix(b"\xef\xbb\xbf")).hexdigest()[:32]


def refuse_edit(ledger: Ledger, digest: str, exc: Misconfigured, *, actor: str, now_ns: int) -> None:
    """Record that a content of the file is refused; of the core and the desk, whoever comes second adds nothing.

    Raises:
        Unavailable: the ledger does not take it.
    """
    event_id = stable_uuid("edit.refused", digest, exc.message)
    if ledger.get(event_id) is not None:
        return
    data = EditRefused(source=FILE, digest=digest, problem=exc.message, fix=exc.fix, at=now_ns)
    event = new_event(EDIT_REFUSED, stream=_EDITS, data=data, actor=actor, now_ns=now_ns, id=event_id)
    with suppress(Conflict):  # the other one was quicker by a moment
        ledger.append([event])


def edit_trouble(root: Path, ledger: Ledger) -> str:
    """Return why the file as it stands now is not in force; empty if it is, or was not judged yet."""
    digest = digest_now(root)
    if not digest:
        return ""
    refused = [msgspec.json.decode(event.data, type=EditRefused) for event in ledger.read(stream=_EDITS)]
    said = next((one for one in reversed(refused) if one.digest == digest), None)
    return f"{FILE} is refused, what was in force stays: {said.problem}" if said is not None else ""
