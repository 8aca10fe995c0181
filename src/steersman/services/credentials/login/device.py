"""The device flow (RFC 8628): a person opens an address on any device and types a code; we ask until they have."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import msgspec

from steersman.kernel.errors import Misconfigured, Rejected, Unavailable
from steersman.services.credentials.instant import Instant, instant
from steersman.services.credentials.oauth2 import TokenEndpoint, json_object, sendable
from steersman.services.credentials.provider import Fetched, NoAnswer, Refused, Surroundings
from steersman.services.credentials.providers.oauth2_code import OAuth2CodeSettings

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_DEFAULT_INTERVAL_S: Final = 5.0
_LONGEST_INTERVAL_S: Final = 60.0
_SLOWER_BY_S: Final = 5.0
_LONGEST_S: Final = 1800.0


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What a person must do: open `address` and type `code`, within `expires_in_s` seconds; `direct` has both."""

    address: str
    direct: str
    code: str
    expires_in_s: float


def log_in(
    around: Surroundings,
    settings: OAuth2CodeSettings,
    *,
    show: Callable[[Prompt], None],
    wait: Callable[[float], object] | None = None,
) -> tuple[Fetched, Instant]:
    """Return the tokens of a login on another device, and when the provider was asked for them.

    Raises:
        Misconfigured: there is no device_url.
        Rejected: the person said no, the code expired, or the provider refuses the client.
        Unavailable: the provider does not answer.
    """
    if not settings.device_url:
        raise Misconfigured(
            f"{around.name} has no device_url", fix="add it to steersman.toml, or log in with the browser"
        )
    endpoint = TokenEndpoint(around, settings)
    grant, prompt, interval_s = _begin(around, endpoint, settings)
    show(prompt)
    until = around.clock.elapsed_ns() + int(prompt.expires_in_s * 1e9)
    wait = wait or threading.Event().wait
    while True:
        wait(interval_s)
        if around.clock.elapsed_ns() > until:
            raise Rejected("the code expired before it was used", fix=f"steersman auth login {around.name} --device")
        asked = instant(around.clock)
        found, slower_s = _ask(around, endpoint, grant)
        if found is not None:
            return found, asked
        interval_s = min(interval_s + slower_s, _LONGEST_INTERVAL_S)


def _begin(
    around: Surroundings, endpoint: TokenEndpoint, settings: OAuth2CodeSettings
) -> tuple[dict[str, str], Prompt, float]:
    """Ask for a code (section 3.2); return the grant to poll with, what to show and the pause in seconds."""
    answer = endpoint.send(settings.device_url, {"scope": " ".join(settings.scopes)} if settings.scopes else {})
    code = endpoint.error(answer)
    if code:
        raise Rejected(f"{around.name} refused to begin: {code}", fix="check client_id, scopes and device_url")
    body = json_object(answer.body)
    if answer.status != 200 or body is None or not sendable(body.get("device_code")):
        raise Unavailable(f"{around.name} answered {answer.status} without a device code", fix="check device_url")
    address = body.get("verification_uri", body.get("verification_url"))
    if not _shown(address) or not _shown(body.get("user_code")):
        raise Unavailable(f"{around.name} named no address or code to show", fix="check device_url")
    direct = body.get("verification_uri_complete")
    prompt = Prompt(
        address=str(address),
        direct=str(direct) if _shown(direct) else "",
        code=str(body["user_code"]),
        expires_in_s=_between(body.get("expires_in"), 1.0, _LONGEST_S, otherwise=_LONGEST_S),
    )
    interval_s = _between(body.get("interval"), 0.05, _LONGEST_INTERVAL_S, otherwise=_DEFAULT_INTERVAL_S)
    return {"grant_type": _GRANT, "device_code": str(body["device_code"])}, prompt, interval_s


def _ask(around: Surroundings, endpoint: TokenEndpoint, grant: dict[str, str]) -> tuple[Fetched | None, float]:
    """Ask once (section 3.5); return the tokens, or None and by how many seconds to ask more slowly."""
    try:
        return endpoint.ask(grant), 0.0
    except NoAnswer as exc:
        # authorization_pending, slow_down, and anything that may pass: the code's own expiry ends it.
        waiting = exc.status == 400 and "authorization_pending" in exc.message
        return None, 0.0 if waiting else _SLOWER_BY_S
    except Refused as exc:
        said = {"access_denied": "the login was denied on the other device", "expired_token": "the code expired"}
        raise Rejected(said.get(exc.error, exc.message), fix=f"steersman auth login {around.name} --device") from exc


def _shown(text: object) -> bool:
    """Say whether a provider's text can be put on a terminal as it is."""
    return isinstance(text, str) and 0 < len(text) <= 2000 and text.isprintable()


def _between(value: object, least: float, most: float, *, otherwise: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return otherwise
    return min(max(float(value), least), most)
