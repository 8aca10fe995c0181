"""A script of the workspace, with the message on its standard input."""

from steersman.services.notices.adapters.command.notifier import CommandNotifier, create

__all__ = ["CommandNotifier", "create"]
