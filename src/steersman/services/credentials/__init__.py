"""The credential broker: keeps every login fresh, hands out leases, tells nobody a secret it need not know."""
