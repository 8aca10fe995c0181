"""The pre-trade gate: one declarative table of checks, compiled to a scalar function and to Polars expressions."""
