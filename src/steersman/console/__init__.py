"""The pages: one process-wide view of the ledger, rendered here, pushed to every open browser tab."""
