"""KPIs from the ledger's rollups, and what they say about the next decision."""
