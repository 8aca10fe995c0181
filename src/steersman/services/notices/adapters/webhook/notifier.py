"""One POST per message, with an idempotency key that a repetition carries again."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

from steersman.kernel.clock import Clock
from steersman.services.notices import http
from steersman.services.notices.adapters.webhook.settings import WebhookSettings
from steersman.services.notices.model import Message
from steersman.services.notices.wire import wire


class WebhookNotifier:
    """Looks its address and key up at each message: a corrected file or a new key needs no restart."""

    def __init__(self, *, settings: WebhookSettings, desk: str, secret: Callable[[str], str], clock: Clock) -> None:
        self._settings = settings
        self._desk = desk
        self._secret = secret
        self._clock = clock

    def send(self, message: Message) -> str:
        url = http.check(self._secret(self._settings.url), self._settings.url)
        body = wire(message, desk=self._desk)
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id, **self._signed(body)}
        timeout_s = self._settings.timeout_s
        status = http.send(url, body, headers=headers, timeout_s=timeout_s, named=self._settings.url)
        return f"answered {status}"

    def _signed(self, body: bytes) -> dict[str, str]:
        if not self._settings.secret:
            return {}
        stamp = str(self._clock.now_ns() // 1_000_000_000)
        key = self._secret(self._settings.secret).encode()
        signature = hmac.new(key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Webhook-Timestamp": stamp, "Webhook-Signature": f"sha256={signature}"}


def create(
    *, name: str, settings: WebhookSettings, root: Path, desk: str, secret: Callable[[str], str], clock: Clock
) -> WebhookNotifier:
    """Return the target; nothing is looked up or sent before the first message."""
    return WebhookNotifier(settings=settings, desk=desk, secret=secret, clock=clock)
