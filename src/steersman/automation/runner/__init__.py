"""Processes: started in a session of their own, watched, measured, and ended whole."""
