"""Appending through the core's unix socket: the core serves, everybody else connects."""

from steersman.ledger.adapters.socket.client import SocketLedger, create
from steersman.ledger.adapters.socket.path import answers
from steersman.ledger.adapters.socket.probe import Listener, probe
from steersman.ledger.adapters.socket.server import Server, serve

__all__ = ["Listener", "Server", "SocketLedger", "answers", "create", "probe", "serve"]
