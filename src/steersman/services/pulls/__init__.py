"""Data pulls: asked for once, checked once, kept as immutable files that every process reads without a copy."""
