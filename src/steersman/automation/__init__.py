"""Scripts declared once: schedules, needs, limits; run by an engine behind a port."""
