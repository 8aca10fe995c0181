"""From what each script does to findings: what several do alike, and what one does without a limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from steersman.automation.audit import declare
from steersman.automation.audit.facts import Call, Change, Script, Secret, Shared
from steersman.automation.audit.groups import Member, alike, plainest
from steersman.automation.audit.history import History, Runs
from steersman.automation.audit.model import Code, Cost, Place
from steersman.automation.audit.secret_shapes import fingerprint
from steersman.kernel.plurals import counted
from steersman.services.pulls.settings import check_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A finding with its change still as edits."""

    code: Code
    script: Script
    place: Place
    what: str
    group: str
    change: Change
    next_step: str
    evidence: tuple[Place, ...] = ()
    declared: str = ""
    cost: Cost | None = None


@dataclass
class Audit:
    """The scripts of a folder side by side. `taken` are names that steersman.toml already uses."""

    scripts: Sequence[Script]
    history: History
    taken: frozenset[str] = frozenset()
    _names: set[str] = field(default_factory=set)
    _providers: dict[str, str] = field(default_factory=dict)

    def drafts(self) -> list[Draft]:
        """Return everything to mend, grouped things together."""
        found: list[Draft] = []
        # Logins first: a pull from the same host goes with the login of that host.
        found += self._repeated("LOGIN_REPEATED", lambda s: s.logins)
        found += self._repeated("PULL_REPEATED", lambda s: s.pulls)
        found += self._repeated("CHECK_REPEATED", lambda s: s.checks)
        found += self._secrets()
        for script in self.scripts:
            found += self._timeouts(script)
            found += self._retries(script)
            found += self._waits(script)
        return found

    def _name(self, stem: str) -> str:
        name = declare.named(stem, self._names | self.taken)
        self._names.add(name)
        return name

    def _users(self, file: str) -> set[str]:
        """Return the scripts in whose runs `file` takes part: itself, or those that import it."""
        known, waiting = {file}, [file]
        while waiting:  # a module may be imported by one that scripts import
            importers = self._importers[waiting.pop()] - known
            known |= importers
            waiting += sorted(importers)
        return {f for f in known if not self._importers[f] - {f}} or {file}

    def _users_of(self, script: Script, shared: Shared) -> set[str]:
        """Return the scripts that do something: those that get to the function it stands in."""
        files = {script.file} if shared.reached is None else shared.reached
        return {user for file in files for user in self._users(file)}

    @cached_property
    def _importers(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for script in self.scripts:
            for file in script.uses:
                found[file].add(script.file)
        return found

    def _runs(self, file: str) -> Runs | None:
        known = [r for f in self._users(file) if (r := self.history.runs.get(f)) is not None and r.per_day is not None]
        if not known:
            return None
        return Runs(per_day=sum(r.per_day or 0.0 for r in known), days=max(r.days for r in known))

    def _cost(self, file: str, calls: int, *, looped: bool, url: str = "") -> Cost | None:
        runs = self._runs(file)
        if runs is None or runs.per_day is None:
            return None
        each = self.history.upstream_bytes.get(url)
        return Cost(
            runs_per_day=runs.per_day,
            calls_per_day=runs.per_day * calls,
            at_least=looped,
            bytes_per_day=None if each is None else each * runs.per_day * calls,
            wall_s_per_day=None,
            days=runs.days,
        )

    def _declared(self, code: Code, name: str, like: Shared, *, sends: bool) -> str:
        host = urlsplit(like.url).netloc if like.url and "{" not in like.url.partition("://")[2].split("/")[0] else ""
        if code == "LOGIN_REPEATED":
            if host:
                self._providers.setdefault(host, name)
            return declare.provider(name, like)
        if not like.url:
            return declare.check(name) if code == "CHECK_REPEATED" else ""
        return declare.pull(name, like, self._providers.get(host, "") if sends else "")

    def _repeated(self, code: Code, of: Callable[[Script], tuple[Shared, ...]]) -> Iterator[Draft]:
        """Return a draft per script for what at least two scripts do, at its first place in each."""
        done = ((script, shared) for script in self.scripts for shared in of(script) if shared.reached != frozenset())
        for members in alike(done):
            by_file: dict[str, list[Member]] = defaultdict(list)
            for script, shared in members:
                by_file[script.file].append((script, shared))
            users = {user for script, shared in members for user in self._users_of(script, shared)}
            if len(users) > 1:
                yield from self._group(code, by_file, plainest(members), len(users))

    def _group(self, code: Code, by_file: dict[str, list[Member]], like: Shared, users: int) -> Iterator[Draft]:
        """Return a draft for each script of a group; `like` stands for all in it."""
        places = sorted(s.place for found in by_file.values() for _, s in found)
        name, refused = self._name(like.stem), _refused(like) if like.url and code != "LOGIN_REPEATED" else ""
        sends = any(shared.with_login for found in by_file.values() for _, shared in found)
        declaration = self._declared(code, name, like, sends=sends) if not refused else ""
        open_ = "\n# provider" in declaration  # whose login goes with it is not known
        for found in by_file.values():
            script, first = min(found, key=lambda pair: pair[1].place)
            changes = [s.change(name, like.holes) if s.key == like.key else Change(why_not=_ONE_OF) for _, s in found]
            yield Draft(
                code=code,
                script=script,
                place=first.place,
                what=_what(code, like, users),
                group=like.key,
                change=Change(why_not=refused) if refused else _together(changes),
                evidence=tuple(p for p in places if p.file != script.file),
                next_step=_STEPS[code].format(name=name)
                + (_SENDS.format(name=name) if open_ and any(s.with_login for _, s in found) else ""),
                declared=declaration,
                cost=self._cost(script.file, len(found), looped=any(s.looped for _, s in found), url=first.url),
            )

    def _secrets(self) -> Iterator[Draft]:
        """Return a draft per secret; the same value in several places is one secret with one name."""
        by_value: dict[str, list[tuple[Script, Secret]]] = defaultdict(list)
        for script in self.scripts:
            for secret in script.secrets:
                by_value[secret.value].append((script, secret))
        for value, found in by_value.items():
            name = self._name(found[0][1].stem)
            for script, secret in found:
                others = tuple(sorted(s.place for _, s in found if s is not secret))
                yield Draft(
                    code="SECRET_IN_CODE",
                    script=script,
                    place=secret.place,
                    what=f"a secret in plain sight ({secret.kind}; {fingerprint(value)})",
                    group=fingerprint(value),
                    change=secret.change(name, ()),
                    evidence=others,
                    next_step=f"revoke it, give the new one to provider {name}, lease it here",
                    declared=declare.secret_provider(name),
                )

    def _timeouts(self, script: Script) -> Iterator[Draft]:
        for call in script.calls:
            if not call.limited:
                yield Draft(
                    code="NO_TIMEOUT",
                    script=script,
                    place=call.place,
                    what=_WAITS.get(call.what, f"{call.what} may wait for ever"),
                    group=call.what,
                    change=call.limit,
                    next_step="give it a limit; the automation's own timeout only ends the whole run",
                    cost=self._cost(script.file, 1, looped=False),
                )

    def _retries(self, script: Script) -> Iterator[Draft]:
        reads = [call for call in script.calls if call.reads and not call.retried]
        declared = [self.history.runs[f] for f in self._users(script.file) if f in self.history.runs]
        if not reads or (declared and all(runs.retries > 0 for runs in declared)):
            return
        names = tuple(name for runs in declared for name in runs.automations)
        yield Draft(
            code="NO_RETRY",
            script=script,
            place=reads[0].place,
            what=f"{counted(len(reads), 'read')} over the network, and nothing tries again",
            group=script.file,
            change=_together([call.retry for call in reads]),
            evidence=tuple(call.place for call in reads[1:]),
            next_step=_retry_step(script, reads),
            declared="" if script.sends else self._repeatable(script.file, names),
            cost=self._cost(script.file, len(reads), looped=False),
        )

    def _repeatable(self, file: str, declared: Sequence[str]) -> str:
        name = "" if declared else self._name(file.rpartition("/")[2].rpartition(".")[0])
        return declare.retries(declared, name, self.history.prefix + file)

    def _waits(self, script: Script) -> Iterator[Draft]:
        for wait in script.waits:
            yield Draft(
                code="POLLING",
                script=script,
                place=wait.place,
                what=wait.what,
                group=script.file,
                change=Change(why_not="what it waits for must be declared: the loop's end is where the script begins"),
                next_step=wait.next_step,
                cost=self._cost(script.file, 1, looped=True),
            )


_SENDS = "; the script sends headers or a key with it: say so in [pull.{name}] (provider, headers)"
_WAITS = {"wget": "wget may wait 900 seconds, twenty times over"}
_ONE_OF = "here it is one of several that are asked for in a loop, elsewhere it stands alone"
_STEPS = {
    "LOGIN_REPEATED": "log in once: provider {name}, leased by every script",
    "PULL_REPEATED": "ask once: pull {name}, read by every script",
    "CHECK_REPEATED": "check once: {name}",
}


def _what(code: Code, shared: Shared, users: int) -> str:
    doing = {"LOGIN_REPEATED": "", "PULL_REPEATED": "GET " if shared.url else "", "CHECK_REPEATED": "the check "}[code]
    return f"in {users} scripts: {doing}{shared.shown}"


def _refused(shared: Shared) -> str:
    """Say why no pull can be declared for an address; empty if one can."""
    problem = check_address(shared.url)
    return f"a pull cannot ask it: its address {problem}" if problem else ""


def _retry_step(script: Script, reads: Sequence[Call]) -> str:
    if script.sends:
        line = script.sends[0].line
        return f"try the read again by itself: the script also sends (line {line}), so running it twice sends twice"
    if any(call.retry.edits for call in reads):
        return "let the command try again, or declare retries for its automation"
    return "declare retries for its automation: it only reads, so running it again does no harm"


def _together(changes: Iterable[Change]) -> Change:
    """Put changes of one finding together; one that cannot be made leaves the others, and its reason if none can."""
    made = [c for c in changes if c.edits or c.why_not or c.next_step]
    edits = tuple(edit for c in made for edit in c.edits)
    if edits:
        return Change(edits=edits, client=tuple(sorted({name for c in made for name in c.client})), parts=tuple(made))
    return made[0] if made else Change()
