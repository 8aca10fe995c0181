"""What stands between a start that is due and a process: times, logins, a person's approval, tokens."""
