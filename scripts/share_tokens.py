"""Eight processes share a rotating refresh token whose access tokens live two seconds; prints what came of it as JSON.

`python scripts/share_tokens.py [SECONDS]` runs against Authlib's authorization server on loopback, which revokes the
whole login when a refresh token is used twice. `naively` is the same without the broker: eight scripts, one file.
"""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.builders_credentials import a_broker, a_client, a_refresh
from tests.oauth_server import oauth_server

from steersman.bootstrap.served import served
from steersman.kernel.clock import SystemClock
from steersman.ledger.adapters.socket import create as socket_ledger
from steersman.services.credentials import proof
from steersman.services.credentials.oauth2 import OAuth2Settings
from steersman.services.credentials.provider import Surroundings

PROCESSES = 8


def shared(root: Path, seconds: float) -> dict[str, object]:
    """Share one login through the broker for `seconds`."""
    path, socket = root / "ledger.db", root / "core.sock"
    with oauth_server() as server, served(path, socket) as ledger:
        server.authority.life_s = 2
        declared = a_refresh(root, server)
        a_broker(root, declared, ledger=ledger).paste("acme", server.new_login())
        done = proof.share(
            root=root,
            state=root / ".steersman" / "services",
            providers=declared,
            provider="acme",
            ledger=partial(socket_ledger, socket, path),
            processes=PROCESSES,
            seconds=seconds,
        )
        return {
            "processes": PROCESSES,
            "seconds": seconds,
            "token_life_s": 2,
            "leases": done.leases,
            "token_calls": len(server.token_calls),
            "invalid_grant": server.invalid_grants,
            "reuses_seen_by_the_server": server.authority.reuses,
            "leases_refused": done.rejected,
            "ledger_verified": ledger.verify().ok,
        }


def naively(root: Path) -> dict[str, object]:
    """Do what scripts do that share a file."""
    with oauth_server() as server:
        settings = msgspec.convert(a_client(root, server)["acme"], OAuth2Settings, from_attributes=True)
        around = Surroundings(name="acme", root=root, clock=SystemClock())
        plain = msgspec.structs.replace(settings, kind="oauth2_client")
        found = proof.share_naively(around, plain, server.new_login(), scripts=PROCESSES)
        revoked = all(issued.revoked for issued in server.authority.by_access.values())
        return {"refreshed": found.refreshed, "invalid_grant": found.refused, "login_revoked": revoked}


def main() -> None:
    """Print both as one object."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        print(json.dumps({**shared(Path(first), seconds), "naively": naively(Path(second))}))


if __name__ == "__main__":
    main()
