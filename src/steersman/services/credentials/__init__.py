"""The credential broker: keeps every login fresh, hands out leases, tells nobody a secret it need not know."""

from steersman.services.credentials.broker import Broker, create
from steersman.services.credentials.places import KeyPlace, key_place
from steersman.services.credentials.settings import ProviderSettings

__all__ = ["Broker", "KeyPlace", "ProviderSettings", "create", "key_place"]
