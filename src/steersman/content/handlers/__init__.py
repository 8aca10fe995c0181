"""What content does with drafts: check them, publish them. Plain functions over a ledger, a clock and ports."""
