"""Appending through the core's unix socket: the core serves, everybody else connects."""

from steersman.ledger.adapters.socket.client import SocketLedger, create
from steersman.ledger.adapters.socket.path import answers
from steersman.ledger.adapters.socket.server import Server, serve

__all__ = ["Server", "SocketLedger", "answers", "create", "serve"]
