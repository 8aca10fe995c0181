"""What trading does: take signals in, decide, send, follow orders to their end, and start again after a crash."""
