"""Phones, mail and chats: more than a hundred services by one address (the extra `notify`)."""

from steersman.services.notices.adapters.apprise.notifier import AppriseNotifier, create

__all__ = ["AppriseNotifier", "create"]
