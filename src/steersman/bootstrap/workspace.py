"""A workspace: the folder with steersman.toml, decoded once and refused with file, line and field when it is wrong."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from steersman.ai import settings as ai
from steersman.automation import settings as automation
from steersman.bootstrap.catalogue import event_types
from steersman.bootstrap.plugins import setting_type
from steersman.content import settings as content
from steersman.feedback import settings as feedback
from steersman.kernel.errors import Misconfigured
from steersman.kernel.toml_file import TomlFile
from steersman.policy.document import read_policy
from steersman.policy.parameter import Catalogue
from steersman.services.commons import settings as commons
from steersman.services.credentials import settings as credentials
from steersman.services.notices import settings as notices
from steersman.services.pulls import settings as pulls
from steersman.trading import settings as trading
from steersman.trading.limits import PARAMETERS
from steersman.trading.sources import settings as sources

FILE: Final = "steersman.toml"
CATALOGUE: Final = Catalogue(PARAMETERS)
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_HOST_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
_PAGE: Final = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/-]*)?")
_SECTIONS: Final = (
    "desk",
    "console",
    "policy",
    *ai.SECTIONS,
    *automation.SECTIONS,
    feedback.SECTION,
    *trading.SECTIONS,
    *sources.SECTIONS,
    *content.SECTIONS,
    credentials.SECTION,
    notices.SECTION,
    *pulls.SECTIONS,
    commons.SECTION,
)
S = TypeVar("S", bound=msgspec.Struct)


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[desk]`: whose operation this is. `tz` is how times are shown; events are in UTC. `capital` in `currency`."""

    name: str = "My desk"
    tz: str = "UTC"
    currency: str = "USD"
    capital: str = "100000"


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[console]`: where the pages are served. Loopback only, until other sign-ins than the token exist.

    `hosts` are further names under which the webhooks, and nothing else, may be asked: those of a tunnel. `url` is the
    address under which its owner reaches the pages, for links in messages; empty: messages carry no link.
    """

    port: int = 8787
    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    url: str = ""


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """Everything steersman.toml declares, checked; `policy` is canonical text by full parameter name."""

    root: Path
    file: TomlFile
    desk: DeskSettings
    console: ConsoleSettings
    trading: trading.TradingSettings
    sources: sources.SourceSettings
    automations: dict[str, automation.AutomationSettings]
    engine: automation.EngineSettings
    content: content.ContentSettings
    ai: ai.Models
    kpis: feedback.KpiSettings
    providers: dict[str, credentials.ProviderSettings]
    pulls: pulls.PullSettings
    notify: dict[str, notices.NotifierSettings] = {}
    shared: commons.SharedSettings | None
    policy: dict[str, str]

    @property
    def capital(self) -> Decimal:
        """What the account starts with, in the desk's currency."""
        return Decimal(self.desk.capital)

    @property
    def state(self) -> Path:
        """The folder of everything Steersman writes about itself."""
        return self.root / ".steersman"

    @property
    def ledger(self) -> Path:
        return self.state / "ledger.db"

    @property
    def models(self) -> Path:
        """What models were asked, what that cost, and their answers."""
        return self.state / "ai.db"

    @property
    def projections(self) -> Path:
        return self.state / "projections.db"

    @property
    def socket(self) -> Path:
        return self.state / "core.sock"

    @property
    def anchor(self) -> Path:
        return self.state / "head.anchor"

    @property
    def presence(self) -> Path:
        """Where the desk process says that it serves the console."""
        return self.state / "desk.json"

    @property
    def console_token(self) -> Path:
        return self.state / "console.token"

    @property
    def api_token(self) -> Path:
        """What opens the API to programs: signals, halts, cancels, comparisons; nothing that a person must do."""
        return self.state / "api.token"

    @property
    def watched(self) -> Path:
        """How far the watched files were read."""
        return self.state / "watched"

    @property
    def services(self) -> Path:
        """Sealed logins, locks and what the pulls remember; the frames themselves lie in memory where there is room."""
        return self.state / "services"

    @property
    def notices(self) -> Path:
        """How far each target was told, and what waits to be."""
        return self.state / "notices"

    @property
    def services_socket(self) -> Path:
        """Where the desk's process answers scripts."""
        return self.state / "services.sock"

    def hook_secret(self, strategy: str) -> Path:
        """What an alert for `strategy` must carry; one of its own for each."""
        return self.state / "hooks" / f"{strategy}.secret"


def engine_settings(file: TomlFile, root: Path, *, kind: str | None = None) -> automation.EngineSettings:
    """Return what `[engine]` says, read as the settings of its kind; with `kind`, `[engine.KIND]` for another one.

    Raises:
        Misconfigured: no such engine is installed, or a field is wrong; names the line.
    """
    path: tuple[str, ...] = (automation.ENGINE_SECTION,)
    here = file.get(*path)
    table = here if isinstance(here, Mapping) else {}
    chosen = kind or table.get("kind", "embedded")
    raw = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if kind is not None:
        path = (*path, kind)
        other = file.get(*path)
        raw = {**(other if isinstance(other, Mapping) else {}), "kind": kind}
    try:
        settings_type = setting_type("engine", str(chosen))
    except Misconfigured as exc:
        raise file.error((*path, "kind"), exc.message, fix=exc.fix) from exc
    found: automation.EngineSettings = file.section(path, settings_type, raw=raw)
    return found.checked(file, path, root)


def find_root(directory: Path) -> Path:
    """Return the nearest folder at or above `directory` that holds a steersman.toml.

    Raises:
        Misconfigured: there is none.
    """
    here = directory.absolute()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise Misconfigured(
        f"no {FILE} in {here} or above it", fix="`steersman init DIR` makes a workspace; --dir names another one"
    )


def root_for(paths: Iterable[Path]) -> Path:
    """Return the workspace here or, where there is none, the one that all `paths` lie in.

    Raises:
        Misconfigured: none is at or above this folder, nor above `paths`; or they lie in several.
    """
    try:
        return find_root(Path())
    except Misconfigured as nothing_here:
        roots = sorted({_root_above(path) or Path() for path in paths})
        if roots in ([], [Path()]):
            raise nothing_here
        if len(roots) > 1:
            named = ", ".join(str(root) if root != Path() else "none" for root in roots)
            raise Misconfigured(f"these files lie in several workspaces: {named}", fix="name those of one") from None
        return roots[0]


def _root_above(path: Path) -> Path | None:
    try:
        return find_root(path)
    except Misconfigured:
        return None


def load_workspace(directory: Path, *, environ: Mapping[str, str] = os.environ, text: str | None = None) -> Workspace:
    """Read and check the workspace at or above `directory`; `text` stands for what its file says now.

    `STEERSMAN_DESK_<FIELD>` and `STEERSMAN_CONSOLE_<FIELD>` in `environ` win over the file.

    Raises:
        Misconfigured: none there, or something in it is wrong; names file, line, field, found, allowed and the fix.
    """
    root = find_root(directory)
    file = TomlFile(_written(root / FILE) if text is None else text, name=FILE)
    _refuse_unknown_sections(file)
    desk = _desk(file, environ)
    traded = trading.read(file, root, partial(setting_type, "venue"))
    automations = file.section((automation.SECTION,), dict[str, automation.AutomationSettings])
    # A script that is gone must stop its own run, not a halt, nor all other runs: `manifest_of` looks for scripts.
    automation.validate(file, automations, root, tz=desk.tz, scripts=False, types=event_types)
    kpis = file.section((feedback.SECTION,), feedback.KpiSettings)
    feedback.validate(file, kpis)
    providers = credentials.read(file, root)
    known = {"strategy": set(traded.strategies), "instrument": set(traded.instruments), "venue": set(traded.venues)}
    written = content.read(file, root, partial(setting_type, "channel"), partial(setting_type, "reviewer"))
    models = ai.read(file, root, partial(setting_type, "model"))
    _refuse_unknown_models(file, written, models)
    return Workspace(
        root=root,
        file=file,
        desk=desk,
        console=_console(file, environ),
        trading=traded,
        sources=sources.read(file, traded),
        automations=automations,
        engine=engine_settings(file, root),
        content=written,
        ai=models,
        kpis=kpis,
        providers=providers,
        pulls=pulls.read(file, root, providers=providers),
        notify=notices.read(file, root, partial(setting_type, "notifier"), _notice_rules, event_types),
        shared=commons.read(file, root, partial(setting_type, "commons")),
        policy=read_policy(file, CATALOGUE, known=known),
    )


def _written(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise Misconfigured(f"{FILE}: byte {exc.start} is not UTF-8", fix=f"save {path} as UTF-8") from exc
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be read: {exc.strerror}", fix="check its permissions") from exc


def _notice_rules() -> tuple[str, ...]:
    # They know the events of every part; a workspace that tells nobody does without them.
    from steersman.bootstrap.notice_rules import NAMES

    return NAMES


def _refuse_unknown_sections(file: TomlFile) -> None:
    for name in file.data:
        if name not in _SECTIONS:
            near = difflib.get_close_matches(name, _SECTIONS, n=1)
            raise file.error(
                (name,),
                f"unknown section; allowed: {', '.join(sorted(_SECTIONS))}",
                fix=f"did you mean [{near[0]}]?" if near else f"remove [{name}]",
            )


def _refuse_unknown_models(file: TomlFile, written: content.ContentSettings, models: ai.Models) -> None:
    named: dict[tuple[str, ...], str] = {("content", "llm"): written.qa.llm}
    named |= {("reviewer", name, "model"): getattr(r, "model", "") for name, r in written.reviewers.items()}
    for path, model in named.items():
        if model and model not in models.models:
            allowed = ", ".join(models.models) or "none is declared"
            raise file.error(path, f"found {model!r}, allowed: {allowed}", fix=f"write [model.{model}]")


def _desk(file: TomlFile, environ: Mapping[str, str]) -> DeskSettings:
    desk = _overridden(file.section(("desk",), DeskSettings), "DESK", environ)
    try:
        ZoneInfo(desk.tz)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise file.error(("desk", "tz"), f"found {desk.tz!r}, no such time zone", fix='write e.g. "UTC"') from exc
    try:
        capital = Decimal(desk.capital)
    except InvalidOperation:
        capital = Decimal(0)
    if not capital.is_finite() or capital <= 0:
        raise file.error(
            ("desk", "capital"), f"found {desk.capital!r}, allowed: a number above 0", fix='write e.g. "100000"'
        )
    return desk


def _console(file: TomlFile, environ: Mapping[str, str]) -> ConsoleSettings:
    console = _overridden(file.section(("console",), ConsoleSettings), "CONSOLE", environ)
    if console.host not in LOOPBACK:
        raise file.error(
            ("console", "host"),
            f"found {console.host!r}, allowed: {', '.join(LOOPBACK)} (there is no sign-in for strangers yet)",
            fix='write host = "127.0.0.1", and reach it from elsewhere through an SSH tunnel',
        )
    for host in console.hosts:
        if not _HOST_NAME.fullmatch(host):
            raise file.error(
                ("console", "hosts"),
                f"found {host!r}, allowed: a host name in lower case, without scheme and port",
                fix='write e.g. hosts = ["hooks.example.com"]',
            )
    if console.url and not _PAGE.fullmatch(console.url):
        raise file.error(
            ("console", "url"),
            "found no address; allowed: http:// or https://, a host, a port and a path, without user and query",
            fix='write e.g. url = "https://desk.example.com"',
        )
    if not 0 <= console.port <= 65_535:
        raise file.error(("console", "port"), f"found {console.port}, allowed: 0 to 65535", fix="write port = 8787")
    return console


def _overridden(settings: S, section: str, environ: Mapping[str, str]) -> S:
    """Return `settings` with fields replaced from STEERSMAN_<SECTION>_<FIELD>."""
    changes: dict[str, object] = {}
    for field in msgspec.structs.fields(settings):
        name = f"STEERSMAN_{section}_{field.name.upper()}"
        if name in environ:
            try:
                changes[field.name] = msgspec.convert(environ[name], field.type, strict=False)
            except msgspec.ValidationError as exc:
                raise Misconfigured(f"{name}={environ[name]!r}: {exc}", fix=f"unset {name} or correct it") from exc
    return msgspec.structs.replace(settings, **changes)
