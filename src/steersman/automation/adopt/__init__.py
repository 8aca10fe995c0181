"""From what runs today (a crontab, a folder, systemd timers) to a proposed manifest; a person accepts it."""
