"""A real OAuth 2.0 server on loopback (Authlib's): refresh tokens rotate, reuse revokes the family, and it can lie."""

from __future__ import annotations

import contextlib
import http.server
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2.rfc6749 import (  # type: ignore[import-untyped]  # Authlib has no types
    AuthorizationServer,
    ClientMixin,
    OAuth2Request,
    TokenMixin,
    grants,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]  # Authlib has no types
from authlib.oauth2.rfc6750 import BearerTokenGenerator  # type: ignore[import-untyped]  # Authlib has no types
from authlib.oauth2.rfc7009 import RevocationEndpoint  # type: ignore[import-untyped]  # Authlib has no types
from authlib.oauth2.rfc7636 import CodeChallenge  # type: ignore[import-untyped]  # Authlib has no types
from authlib.oauth2.rfc8628 import (  # type: ignore[import-untyped]  # Authlib has no types
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    DeviceCredentialDict,
)

from steersman.kernel.clock import SystemClock

CLIENT_SECRET = "s3cret-of-the-client-4711"
_CLOCK = SystemClock()
GRANTS = (
    "client_credentials",
    "refresh_token",
    "authorization_code",
    "urn:ietf:params:oauth:grant-type:device_code",
)
Answer = tuple[int, bytes, dict[str, str]]
Fault = Callable[[], Answer | None]


class Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """`desk` has a secret; `public` has none."""

    def __init__(self, client_id: str, secret: str) -> None:
        self.client_id, self.secret = client_id, secret

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        # RFC 8252 section 7.3: any port of the loopback address.
        return urlsplit(redirect_uri).hostname == "127.0.0.1"

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, self.secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none" if not self.secret else method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANTS


class Issued(TokenMixin):  # type: ignore[misc]  # Authlib has no types
    """An access token, perhaps with a refresh token, and the login (family) they came from."""

    def __init__(self, token: dict[str, Any], client: Client, family: str, life_s: float) -> None:
        self.access: str = token["access_token"]
        self.refresh: str = token.get("refresh_token", "")
        self.scope: str = token.get("scope", "")
        self.client, self.family = client, family
        self.until_ns = _CLOCK.elapsed_ns() + int(life_s * 1e9)
        self.spent = self.revoked = False

    def check_client(self, client: Client) -> bool:
        return bool(self.client.client_id == client.client_id)

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return int((self.until_ns - _CLOCK.elapsed_ns()) / 1e9)

    def is_expired(self) -> bool:
        return _CLOCK.elapsed_ns() >= self.until_ns

    def is_revoked(self) -> bool:
        return self.revoked

    def get_user(self) -> str:
        return "founder"

    def get_client(self) -> Client:
        return self.client


class Code(dict[str, Any]):
    """An authorization code as Authlib asks for it."""

    def get_redirect_uri(self) -> str:
        return str(self["redirect_uri"])

    def get_scope(self) -> str:
        return str(self["scope"])


class _ClientCredentials(grants.ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")


class _Refresh(grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib has no types
    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
    server: _Authority

    def authenticate_refresh_token(self, refresh_token: str) -> Issued | None:
        issued = self.server.by_refresh.get(refresh_token)
        if issued is None or issued.revoked:
            return None
        if issued.spent:
            self.server.revoke_family(issued.family)
            self.server.reuses += 1
            return None
        return issued

    def authenticate_user(self, refresh_token: Issued) -> str:
        return refresh_token.get_user()

    def revoke_old_credential(self, refresh_token: Issued) -> None:
        refresh_token.spent = self.server.rotates

    def issue_token(self, user: str, refresh_token: Issued) -> dict[str, Any]:
        self.server.family = refresh_token.family
        self.INCLUDE_NEW_REFRESH_TOKEN = self.server.rotates
        return dict(super().issue_token(user, refresh_token))


class _Code(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
    server: _Authority

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        data = request.payload.data
        self.server.codes[code] = Code(
            client_id=request.client.client_id,
            redirect_uri=request.payload.redirect_uri,
            scope=request.payload.scope or "",
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = self.server.codes.get(code)
        return found if found and found["client_id"] == client.client_id else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        for code in [c for c, found in self.server.codes.items() if found is authorization_code]:
            del self.server.codes[code]

    def authenticate_user(self, authorization_code: Code) -> str:
        return "founder"


class _Challenge(CodeChallenge):  # type: ignore[misc]  # Authlib has no types
    def get_authorization_code_challenge(self, authorization_code: Code) -> str | None:
        return str(authorization_code["code_challenge"] or "") or None

    def get_authorization_code_challenge_method(self, authorization_code: Code) -> str | None:
        return str(authorization_code["code_challenge_method"] or "") or None


class _DeviceStart(DeviceAuthorizationEndpoint):  # type: ignore[misc]  # Authlib has no types
    INTERVAL = 1
    EXPIRES_IN = 200

    def get_verification_uri(self) -> str:
        return "http://127.0.0.1/activate"

    def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
        self.server.devices[data["device_code"]] = DeviceCredentialDict(
            {**data, "client_id": client_id, "scope": scope or "", "expires_at": _CLOCK.now_ns() / 1e9 + 600}
        )


class _Device(DeviceCodeGrant):  # type: ignore[misc]  # Authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
    server: _Authority

    def query_device_credential(self, device_code: str) -> DeviceCredentialDict | None:
        return self.server.devices.get(device_code)

    def query_user_grant(self, user_code: str) -> tuple[str, bool] | None:
        said = self.server.device_answers.pop(0) if self.server.device_answers else "pending"
        return {"pending": None, "slow": None, "denied": ("founder", False), "granted": ("founder", True)}[said]

    def should_slow_down(self, credential: DeviceCredentialDict) -> bool:
        answers = self.server.device_answers
        if answers and answers[0] == "slow":
            answers.pop(0)
            return True
        return False


class _Revoke(RevocationEndpoint):  # type: ignore[misc]  # Authlib has no types
    CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

    def query_token(self, token_string: str, token_type_hint: str | None) -> Issued | None:
        found: Issued | None = self.server.by_refresh.get(token_string) or self.server.by_access.get(token_string)
        return found

    def revoke_token(self, token: Issued, request: OAuth2Request) -> None:
        self.server.revoke_family(token.family)
        self.server.revocations += 1


class _Authority(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """Authlib's server with its tables in dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.clients = {c.client_id: c for c in (Client("desk", CLIENT_SECRET), Client("public", ""))}
        self.by_access: dict[str, Issued] = {}
        self.by_refresh: dict[str, Issued] = {}
        self.codes: dict[str, Code] = {}
        self.devices: dict[str, DeviceCredentialDict] = {}
        self.device_answers: list[str] = []
        self.family = ""
        self.life_s = 3600.0
        self.rotates = True
        self.reuses = self.revocations = 0
        self.register_token_generator("default", BearerTokenGenerator(self._secret, self._secret, self._life))
        self.register_grant(_ClientCredentials)
        self.register_grant(_Refresh)
        self.register_grant(_Code, [_Challenge(required=True)])
        self.register_grant(_Device)
        self.register_endpoint(_Revoke)
        self.register_endpoint(_DeviceStart)

    def _secret(self, **_: object) -> str:
        return "planted-" + secrets.token_urlsafe(24)

    def _life(self, client: Client, grant_type: str) -> int:
        return max(int(self.life_s), 1)

    def query_client(self, client_id: str) -> Client | None:
        return self.clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        family = self.family or secrets.token_hex(8)
        self.family = ""
        issued = Issued(token, request.client, family, self.life_s)
        self.by_access[issued.access] = issued
        if issued.refresh:
            self.by_refresh[issued.refresh] = issued

    def revoke_family(self, family: str) -> None:
        for issued in (*self.by_access.values(), *self.by_refresh.values()):
            issued.revoked = issued.revoked or issued.family == family

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        pass

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return status, raw, dict(headers)


class _Form(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A request of ours as Authlib asks for it."""

    def __init__(self, method: str, target: str, form: dict[str, str], headers: dict[str, str]) -> None:
        # Authlib refuses http even on loopback; a fixed address says the same as https would.
        super().__init__(method, f"https://127.0.0.1{target}", headers=headers)
        self._form = form
        self._args = dict(parse_qsl(urlsplit(target).query))
        self.payload = BasicOAuth2Payload({**self._args, **form})

    @property
    def args(self) -> dict[str, str]:
        return self._args

    @property
    def form(self) -> dict[str, str]:
        return self._form


class OAuthServer:
    """What tests hold: an address, counters, and ways to make it fail.

    Attributes:
        faults: taken one per request to /token: a function that returns an answer, or None to go on as usual.
        edit: changes the body of a good token answer (lies about expiry); None: as it is.
        skew_s: how far ahead the `Date` header is.
    """

    def __init__(self) -> None:
        self.authority = _Authority()
        self.faults: list[Fault] = []
        self.edit: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        self.skew_s = 0.0
        self.token_calls: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.api_calls: list[int] = []
        self.browser_says = ""
        self._mutex = threading.Lock()
        self._http = _Server(self)
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def new_login(self, *, client: str = "desk") -> str:
        """Return a refresh token of a login of its own."""
        with self._mutex:
            request = _Form("POST", "/token", {}, {})
            request.client = self.authority.clients[client]
            token = self.authority.generate_token("refresh_token", request.client, include_refresh_token=True)
            self.authority.save_token(token, request)
        return str(token["refresh_token"])

    def expire_all(self) -> None:
        """Make every access token invalid at once, earlier than was said."""
        for issued in self.authority.by_access.values():
            issued.until_ns = 0

    @property
    def invalid_grants(self) -> int:
        return self.answers.count(400)

    def token(self, method: str, target: str, form: dict[str, str], headers: dict[str, str]) -> Answer:
        self.token_calls.append(form)
        fault = self.faults.pop(0) if self.faults else None
        answer = fault() if fault else None
        if answer is None:
            with self._mutex:
                answer = self.authority.create_token_response(_Form(method, target, form, headers))
            if self.edit is not None and answer[0] == 200:
                answer = answer[0], json.dumps(self.edit(json.loads(answer[1]))).encode(), answer[2]
        self.answers.append(answer[0])
        return answer

    def route(self, method: str, target: str, form: dict[str, str], headers: dict[str, str]) -> Answer:
        path = urlsplit(target).path
        if path == "/token":
            return self.token(method, target, form, headers)
        if path == "/api":
            return self._api(headers)
        request = _Form(method, target, form, headers)
        with self._mutex:
            answer: Answer
            if path == "/authorize":
                answer = self._authorize(request)
            else:
                name = {"/revoke": "revocation", "/device": "device_authorization"}[path]
                answer = self.authority.create_endpoint_response(name, request)
            return answer

    def _authorize(self, request: _Form) -> Answer:
        if self.browser_says:
            back = f"{request.payload.redirect_uri}?error={self.browser_says}&state={request.payload.state}"
            return 302, b"", {"Location": back}
        grant = self.authority.get_consent_grant(request, end_user="founder")
        answer: Answer = self.authority.create_authorization_response(request, grant_user="founder", grant=grant)
        return answer

    def _api(self, headers: dict[str, str]) -> Answer:
        scheme, _, secret = headers.get("Authorization", "").partition(" ")
        issued = self.authority.by_access.get(secret)
        good = scheme == "Bearer" and issued is not None and not issued.is_expired() and not issued.revoked
        self.api_calls.append(200 if good else 401)
        return (200 if good else 401), b"{}", {"Content-Type": "application/json"}

    def start(self) -> None:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), name="oauth", daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, oauth: OAuthServer) -> None:
        self.oauth = oauth
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what some tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(dict(parse_qsl(raw.decode(), keep_blank_values=True)))

    def _answer(self, form: dict[str, str]) -> None:
        status, body, headers = self.server.oauth.route(self.command, self.path, form, dict(self.headers.items()))
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(_CLOCK.now_ns() / 1e9 + self.server.oauth.skew_s, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def oauth_server() -> Iterator[OAuthServer]:
    """Yield a running server."""
    server = OAuthServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
