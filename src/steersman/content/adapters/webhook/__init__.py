"""Any receiver of signed JSON: an own backend, a newsletter tool, a build hook."""

from steersman.content.adapters.webhook.channel import WebhookChannel, create

__all__ = ["WebhookChannel", "create"]
