"""Measurements against limits and peers; `steersman bench` runs them. Each module has `run() -> list[Row]`."""
