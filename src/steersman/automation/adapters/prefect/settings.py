"""`[engine]` with `kind = "prefect"`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from steersman.automation.settings import EngineSettings
from steersman.kernel import references
from steersman.kernel.durations import seconds
from steersman.kernel.toml_file import TomlFile

_SPANS: Final = {"poll": (0.2, 60.0), "start_within": (5.0, 86_400.0), "timeout": (0.5, 120.0)}


class PrefectSettings(EngineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Prefect 3 server, and the worker that carries its flow runs out on this machine.

    Attributes:
        url: of the server's API, with `/api` at the end.
        api_key: where the key is (`env:NAME` or `file:PATH`), never the key itself; empty: the server asks for none.
        pool: work pool of type process; made if it is not there. Its workers must run on this machine.
        python: interpreter of the virtual environment that Prefect is installed in.
        start_worker: run a worker of our own, and restart it when it ends; False: somebody else runs one.
        flow_runs: flow runs of this workspace at once; each keeps a process of about 120 MB. `max_processes` counts
            the automations at once within each.
        poll: span between two questions of our worker for work.
        start_within: span after which a flow run that no worker took is given up, where somebody waits for it.
        timeout: span for one answer of the server.
    """

    kind: str = "prefect"
    url: str = "http://127.0.0.1:4200/api"
    api_key: str = ""
    pool: str = "steersman"
    python: str = ""
    start_worker: bool = True
    flow_runs: int = 4
    poll: str = "2s"
    start_within: str = "60s"
    timeout: str = "10s"

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine."""
        return _is_here(self.url)

    def interpreter(self, root: Path) -> Path | None:
        """Return Prefect's Python, relative paths below the workspace; None if none is named."""
        return root / Path(self.python).expanduser() if self.python else None

    def span_s(self, field: str) -> float:
        """Return one of the spans in seconds."""
        return seconds(getattr(self, field))

    def checked(self, file: TomlFile, path: tuple[str, ...], root: Path) -> Self:
        super().checked(file, path, root)
        for field, (wrong, fix) in self._problems(root).items():
            raise file.error((*path, field), wrong, fix=fix)
        return self

    def _problems(self, root: Path) -> dict[str, tuple[str, str]]:
        """Return what is wrong by field: the words, then what to do."""
        found: dict[str, tuple[str, str]] = {}
        if wrong := _bad_url(self.url, with_key=bool(self.api_key)):
            found["url"] = wrong, 'write e.g. url = "http://127.0.0.1:4200/api"'
        if self.api_key and (wrong := references.problem(self.api_key)):
            found["api_key"] = wrong, references.FIX
        if not self.pool or any(c in self.pool for c in "/%&<>") or self.pool.startswith("prefect"):
            found["pool"] = f"found {self.pool!r}; Prefect refuses this name", 'write e.g. pool = "steersman"'
        python = self.interpreter(root)
        if python is None and self.start_worker:
            fix = 'write python = "/path/to/venv/bin/python", or start_worker = false if a worker runs elsewhere'
            found["python"] = "is missing; the worker needs the Python that Prefect is installed in", fix
        if python is not None and not python.is_file():
            found["python"] = f"there is no file {python}", "name the python in the bin folder of Prefect's environment"
        if not 1 <= self.flow_runs <= 100:
            found["flow_runs"] = f"found {self.flow_runs}, allowed: 1 to 100", "write flow_runs = 4"
        for field, (low, high) in _SPANS.items():
            if wrong := _bad_span(getattr(self, field), low, high):
                found[field] = wrong, f'write e.g. {field} = "10s"'
        return found


def _bad_span(text: str, low: float, high: float) -> str:
    try:
        found = seconds(text)
    except ValueError as exc:
        return str(exc)
    return "" if low <= found <= high else f"found {text}, allowed: {low:g}s to {high:g}s"


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bad_url(url: str, *, with_key: bool) -> str:
    """Say what is wrong with the server's address; empty if nothing is."""
    try:
        found = urlsplit(url)
        _ = found.port  # a port that is no number is found out here
    except ValueError:
        return "found no address"
    if found.scheme not in ("http", "https") or not found.hostname:
        return "found no address; allowed: http:// or https:// and a host"
    if found.username is not None or found.password is not None or found.query or found.fragment:
        return "found more than host, port and path"
    if not found.path.rstrip("/").endswith("/api") and "/api/" not in found.path:
        return f"found {url}; the API of a Prefect server is below /api"
    if with_key and found.scheme == "http" and not _is_here(url):
        return f"found {url}; without https the key could be read on the way (allowed only on this machine)"
    return ""
