"""The login: tokens in memory only, renewed when the server says so, and where the account really lives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec

from steersman.content.adapters.doubts import nothing_out
from steersman.content.adapters.http import Answer, Http
from steersman.kernel.errors import Misconfigured, Unavailable
from steersman.services.credentials.addresses import bad_address, is_inside

NAME: Final = "bluesky"
_JUDGED: Final = (401, 403)
_STALE: Final = frozenset(("ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"))
_REFUSALS: Final = {
    "AuthenticationRequired": "wrong identifier or password",
    "AccountTakedown": "the account was taken down",
    "AccountDeactivated": "the account is deactivated",
    "AccountSuspended": "the account is suspended",
    "AuthFactorTokenRequired": "this is the account's own password, which wants a code by e-mail",
}
_APP_PASSWORD: Final = "make an app password (Settings > Privacy and security), and check `identifier` and `password`"  # noqa: S105 - a sentence


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who is logged in; `handle` is the DID where the server cannot confirm a handle."""

    did: str
    handle: str


_Token = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+$")]


class _Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service of a DID document; those that are not ours may have an object for an address."""

    id: str
    endpoint: Any = msgspec.field(name="serviceEndpoint")


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    service: tuple[_Service, ...] = ()


class _Login(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answers to a login. `home` is where the account's data lives: big services log in for many servers;
    empty if it does not say."""

    did: Annotated[str, msgspec.Meta(pattern=r"^did:[a-z]+:[A-Za-z0-9._:%-]+$")]
    access: _Token = msgspec.field(name="accessJwt")
    refresh: _Token = msgspec.field(name="refreshJwt")
    handle: str = ""
    document: _Document | None = msgspec.field(name="didDoc", default=None)

    @property
    def home(self) -> str:
        services = self.document.service if self.document is not None else ()
        return next((str(one.endpoint).rstrip("/") for one in services if one.id.endswith("#atproto_pds")), "")


class _Tokens(msgspec.Struct, frozen=True, kw_only=True):
    account: Account
    access: str
    refresh: str
    http: Http

    def __repr__(self) -> str:
        return f"_Tokens({self.account.did})"


class Session:
    """One account on one server; logs in at the first request. Safe to share between threads."""

    def __init__(self, service: str, *, identifier: str, password: str, timeout_s: float) -> None:
        self._service = service.rstrip("/")
        self._identifier = identifier
        self._password = password
        self._timeout_s = timeout_s
        self._login = self._http(self._service)
        self._lock = threading.Lock()
        self._tokens: _Tokens | None = None

    def __repr__(self) -> str:
        return f"Session({self._service})"

    @property
    def account(self) -> Account:
        """Return who is logged in.

        Raises:
            Unavailable: the server cannot be asked now.
            Misconfigured: it refuses the login.
        """
        return self._current().account

    def ask(self, method: str, params: Mapping[str, str]) -> Answer:
        """Call a query of XRPC; what it says about a bad request is returned.

        Raises:
            Unavailable, Misconfigured: as `Http.ask`.
        """
        return self._with_tokens(
            lambda http, bearer: http.ask(f"/xrpc/{method}", params, headers=bearer, judged=_JUDGED)
        )

    def change(
        self, method: str, *, json: object | None = None, content: bytes | None = None, mime: str = ""
    ) -> Answer:
        """Call a procedure of XRPC, once; what it says about a bad request is returned.

        It is sent again only where the server refused the token, which comes before it does anything.

        Raises:
            Unavailable, OutcomeUnknown, Misconfigured: as `Http.change`.
        """

        def send(http: Http, bearer: dict[str, str]) -> Answer:
            headers = {**bearer, "Content-Type": mime} if mime else bearer
            return http.change("POST", f"/xrpc/{method}", json=json, content=content, headers=headers, judged=_JUDGED)

        return self._with_tokens(send)

    def _with_tokens(self, send: Callable[[Http, dict[str, str]], Answer]) -> Answer:
        tokens = self._current()
        answer = send(tokens.http, _bearer(tokens.access))
        if error_of(answer) in _STALE:
            tokens = self._renewed(tokens, may_refresh=error_of(answer) == "ExpiredToken")
            answer = send(tokens.http, _bearer(tokens.access))
        if error_of(answer) == "ExpiredToken":
            raise Unavailable(f"{answer.what}: a token ran out as soon as it was new", fix="tried again by itself")
        if answer.status in _JUDGED or error_of(answer) in _STALE | _REFUSALS.keys():
            raise self._refused(answer)
        if answer.status in (404, 501) and error_of(answer) != "RecordNotFound":
            raise Misconfigured(
                f"{answer.what}: answered {answer.status}: no server of the AT Protocol is there",
                fix="correct `service` in steersman.toml",
            )
        return answer

    def _current(self) -> _Tokens:
        with self._lock:
            if self._tokens is None:
                self._tokens = self._log_in()
            return self._tokens

    def _renewed(self, stale: _Tokens, *, may_refresh: bool) -> _Tokens:
        with self._lock:
            # Another thread may have renewed them while this one waited.
            if self._tokens is None or self._tokens is stale:
                self._tokens = (self._refresh(stale) if may_refresh else None) or self._log_in()
            return self._tokens

    def _log_in(self) -> _Tokens:
        said = {"identifier": self._identifier, "password": self._password}
        answer = self._tell("com.atproto.server.createSession", {"json": said})
        if answer.status != 200:
            raise self._refused(answer)
        return self._read(answer)

    def _refresh(self, stale: _Tokens) -> _Tokens | None:
        """Return new tokens; None if the server wants to see the password again."""
        answer = self._tell("com.atproto.server.refreshSession", {"headers": _bearer(stale.refresh)})
        return self._read(answer) if answer.status == 200 else None

    def _tell(self, method: str, sent: dict[str, Any]) -> Answer:
        # A login that nobody knows of harms nobody: for whoever wants to publish, nothing has happened.
        with nothing_out():
            return self._login.change("POST", f"/xrpc/{method}", judged=_JUDGED, **sent)

    def _read(self, answer: Answer) -> _Tokens:
        try:
            told = msgspec.convert(answer.json(), _Login)
        except msgspec.ValidationError as exc:
            raise Unavailable(
                f"{answer.what}: answered something else than a login: {exc}",
                fix="check that `service` is a server of the AT Protocol",
            ) from exc
        home = told.home
        return _Tokens(
            account=Account(did=told.did, handle=told.did if told.handle in ("", "handle.invalid") else told.handle),
            access=told.access,
            refresh=told.refresh,
            http=self._login if home in ("", self._service) else self._http(self._checked(home)),
        )

    def _checked(self, home: str) -> str:
        wrong = next((wrong for _, wrong, _ in bad_address("service", home)), "")
        if not wrong and is_inside(home) and not is_inside(self._service):
            # A service out there must not choose who on this machine, or in its network, is sent requests.
            wrong = "found an address inside of this network, named by a service outside of it"
        if wrong:
            raise Misconfigured(
                f"bluesky: the account says it lives at an address that cannot be used: {wrong}",
                fix="log in at the server where the account lives: correct `service`",
            )
        return home

    def _refused(self, answer: Answer) -> Misconfigured:
        error = error_of(answer)
        why = _REFUSALS.get(error) or f"login refused ({answer.status}){self._login.said(answer)}"
        fix = "see the account's page" if error.startswith("Account") else _APP_PASSWORD
        return Misconfigured(f"bluesky: {self._identifier}: {why}", fix=fix)

    def _http(self, url: str) -> Http:
        return Http(url, name=NAME, authorization="", secret=self._password, timeout_s=self._timeout_s)


def error_of(answer: Answer) -> str:
    """Return the name of the error in an answer of XRPC; empty if it is none, or says none."""
    if answer.status < 400 or not answer.is_json:
        return ""
    told = answer.json()
    return str(told.get("error", "")) if isinstance(told, dict) else ""


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
