"""The token endpoint of OAuth 2.0 (RFC 6749), as a client that trusts no answer further than it can check it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final, Literal
from urllib.parse import quote_plus

import msgspec

from steersman.kernel import references
from steersman.kernel.durations import seconds
from steersman.services.credentials import http
from steersman.services.credentials.addresses import bad_address, place
from steersman.services.credentials.freshness import life_s
from steersman.services.credentials.provider import (
    Fetched,
    NoAnswer,
    Problem,
    ProviderSettings,
    Refused,
    Surroundings,
    bad_span,
)

_CODE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,60}")
_LATER: Final = ("temporarily_unavailable", "server_error", "slow_down", "authorization_pending")
_LONGEST_TOKEN: Final = 16_384
_TAKEN: Final = ("client_id", "client_secret", "grant_type", "refresh_token", "password", "code", "assertion")
CLIENT_FIX: Final = "correct client_id, client_secret and auth in steersman.toml; then it is asked again by itself"


class OAuth2Settings(ProviderSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every OAuth 2.0 login needs.

    Attributes:
        token_url, revoke_url: endpoints (RFC 6749 section 3.2, RFC 7009); https, or this machine.
        client_secret: reference; empty for a public client.
        auth: how the client says who it is; empty: basic with a secret, none without.
        scopes: asked for; empty: the provider's default.
        params: sent with every token request; `secret_params` the same, by reference.
        assumed_life: how long a token lives whose provider does not say so.
        header, scheme: how the token travels to the provider's API.
    """

    SECRETS: ClassVar[tuple[str, ...]] = ("client_secret", "secret_params")

    token_url: str
    client_id: str
    client_secret: str = ""
    auth: Literal["", "basic", "post", "none"] = ""
    scopes: tuple[str, ...] = ()
    audience: str = ""
    params: dict[str, str] = msgspec.field(default_factory=dict)
    secret_params: dict[str, str] = msgspec.field(default_factory=dict)
    revoke_url: str = ""
    assumed_life: str = "5m"
    header: str = "Authorization"
    scheme: str = "Bearer"

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        yield from bad_address("token_url", self.token_url)
        if self.revoke_url:
            yield from bad_address("revoke_url", self.revoke_url)
        yield from bad_span("assumed_life", self.assumed_life, least_s=1.0, most_s=86_400.0)
        if not self.client_id:
            yield "client_id", "found nothing; allowed: the id the provider gave", "write client_id"
        if self.auth in ("basic", "post") and not self.client_secret:
            yield "auth", f"found {self.auth!r} without client_secret", 'add client_secret, or write auth = "none"'
        if self.auth == "none" and self.client_secret:
            yield "auth", "found 'none' with a client_secret, which would not be sent", "remove one of the two"
        for name in self.params:
            if name in _TAKEN:
                fix = f"use the field of that name, or secret_params.{name} with a reference"
                yield f"params.{name}", "found a parameter that is set otherwise or secret", fix
        yield from bad_header(self.header, self.scheme)


def bad_header(header: str, scheme: str) -> Iterator[Problem]:
    """Yield what is wrong with how a secret shall travel."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", header):
        yield "header", "found no name of an HTTP header", 'write e.g. header = "Authorization"'
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,32}", scheme):
        yield "scheme", "found no scheme; allowed: one word, or nothing", 'write e.g. scheme = "Bearer"'


class TokenEndpoint:
    """Asks for tokens in the name of one client."""

    def __init__(self, around: Surroundings, settings: OAuth2Settings) -> None:
        self._around = around
        self._settings = settings

    def inputs(self) -> tuple[str, ...]:
        """Return what every request depends on: the settings and the secrets they refer to.

        Raises:
            Misconfigured: a secret is not there.
        """
        said = self._settings
        secrets = [references.resolve(said.client_secret, self._around.root)] if said.client_secret else [""]
        secrets += [f"{name}={value}" for name, value in sorted(self._secret_params().items())]
        return (msgspec.json.encode(said).decode(), *secrets)

    def ask(self, grant: Mapping[str, str], *, spends: bool = False) -> Fetched:
        """Send a grant and return the tokens.

        Args:
            spends: the grant may be used up by being sent (a rotating refresh token).

        Raises:
            Refused: an error of RFC 6749 section 5.2 that asking again does not cure.
            NoAnswer: anything that is no answer: HTML, 5xx, nothing.
        """
        said = self._settings
        try:
            answer = self.send(said.token_url, grant)
        except NoAnswer as exc:
            exc.spent = exc.spent and spends
            raise
        if answer.status != 200:
            raise self._failure(answer, spends=spends)
        return self._tokens(answer, spends=spends)

    def send(self, url: str, form: Mapping[str, str]) -> http.Answer:
        """Send a form with what identifies the client; any answer is returned.

        Raises:
            NoAnswer: none came.
        """
        fields, headers = self._identified()
        sent = {**self._settings.params, **self._secret_params(), **form, **fields}
        if self._settings.audience:
            sent.setdefault("audience", self._settings.audience)
        return http.post(url, sent, headers=headers, timeout_s=self._settings.timeout_s, clock=self._around.clock)

    def revoke(self, token: str, hint: str) -> bool:
        """Tell the provider that `token` is over (RFC 7009); whether it was told and agreed.

        Raises:
            NoAnswer: it did not answer.
        """
        if not self._settings.revoke_url or not token:
            return False
        return self.send(self._settings.revoke_url, {"token": token, "token_type_hint": hint}).status == 200

    def error(self, answer: http.Answer) -> str:
        """Return the error code of an answer, empty if it has none; descriptions may echo secrets."""
        code = (json_object(answer.body) or {}).get("error")
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""

    def _secret_params(self) -> dict[str, str]:
        root = self._around.root
        return {name: references.resolve(text, root) for name, text in self._settings.secret_params.items()}

    def _identified(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return form fields and headers that say who the client is (RFC 6749 section 2.3.1)."""
        said = self._settings
        style = said.auth or ("basic" if said.client_secret else "none")
        if style == "none":
            return {"client_id": said.client_id}, {}
        secret = references.resolve(said.client_secret, self._around.root)
        if style == "post":
            return {"client_id": said.client_id, "client_secret": secret}, {}
        pair = f"{quote_plus(said.client_id)}:{quote_plus(secret)}".encode()
        return {}, {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _failure(self, answer: http.Answer, *, spends: bool) -> Refused | NoAnswer:
        code = self.error(answer)
        where = f"{self._around.name}: {place(self._settings.token_url)}"
        if answer.status in (400, 401, 403) and code and code not in _LATER:
            fix = f"steersman auth login {self._around.name}" if code == "invalid_grant" else CLIENT_FIX
            return Refused(f"{where} refused: {code}", error=code, fix=fix, status=answer.status)
        # An answer below 500 says that nothing was done; after a crash over there nobody knows.
        spent = spends and answer.status >= 500
        what = f"answered {answer.status}" + (f" {code}" if code else "")
        return NoAnswer(f"{where} {what}", status=answer.status, retry_after_s=answer.retry_after_s, spent=spent)

    def _tokens(self, answer: http.Answer, *, spends: bool) -> Fetched:
        where = f"{self._around.name}: {place(self._settings.token_url)}"
        body = json_object(answer.body)
        if body is None:
            raise NoAnswer(f"{where} answered 200 with something else than JSON", status=200, spent=spends)
        if "access_token" not in body and (code := self.error(answer)):
            # Some answer 200 to say no.
            raise Refused(f"{where} refused: {code}", error=code, fix=CLIENT_FIX, status=200)
        if not sendable(body.get("access_token")):
            raise NoAnswer(f"{where} answered without an access_token that can be sent", status=200, spent=spends)
        kind = body.get("token_type", "Bearer")
        if not isinstance(kind, str) or kind.lower() not in ("bearer", self._settings.scheme.lower()):
            raise NoAnswer(f"{where} gave a token of a type other than Bearer", status=200, spent=spends)
        return self._fetched(body, answer)

    def _fetched(self, body: dict[str, object], answer: http.Answer) -> Fetched:
        life, note = life_s(body.get("expires_in"), assumed_s=seconds(self._settings.assumed_life))
        refresh, scopes = body.get("refresh_token"), body.get("scope")
        if refresh is not None and not _storable(refresh):
            note = "; ".join(filter(None, (note, "it sent a refresh token that cannot be used")))
        return Fetched(
            secret=str(body["access_token"]),
            life_s=life,
            refresh_token=str(refresh) if _storable(refresh) else None,
            scopes=scopes if isinstance(scopes, str) else " ".join(self._settings.scopes),
            skew_s=answer.skew_s,
            note=note,
        )


def json_object(raw: bytes) -> dict[str, object] | None:
    """Return the JSON object in `raw`, None for anything else; what it holds is in no error."""
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _storable(token: object) -> bool:
    """Say whether `token` can be a refresh token: visible ASCII and spaces (RFC 6749, appendix A.17)."""
    return isinstance(token, str) and 0 < len(token) <= _LONGEST_TOKEN and token.isascii() and token.isprintable()


def sendable(token: object) -> bool:
    """Say whether `token` is text that fits into a header: visible ASCII, of a length that servers take."""
    return (
        isinstance(token, str)
        and 0 < len(token) <= _LONGEST_TOKEN
        and token.isascii()
        and token.isprintable()
        and " " not in token
    )
