"""What content says into the ledger, by who says it. Private text never enters an event."""
