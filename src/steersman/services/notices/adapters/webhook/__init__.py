"""Any receiver of JSON, signed if it wants."""

from steersman.services.notices.adapters.webhook.notifier import WebhookNotifier, create

__all__ = ["WebhookNotifier", "create"]
