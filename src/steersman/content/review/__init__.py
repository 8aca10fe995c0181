"""What people say about drafts before they go out: rounds, remarks, approval of one exact version."""
