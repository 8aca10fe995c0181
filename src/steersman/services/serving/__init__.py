"""The services behind a unix socket: what the desk's process offers to every script of the workspace."""

from steersman.services.serving.claim import Claim
from steersman.services.serving.handler import Handler
from steersman.services.serving.peer import Caller, Running, identify
from steersman.services.serving.server import Server

__all__ = ["Caller", "Claim", "Handler", "Running", "Server", "identify"]
