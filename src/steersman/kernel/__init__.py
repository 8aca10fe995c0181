"""What every part may lean on: errors, identifiers, fixed-point money, clocks, TOML with line numbers.

No I/O, but for `references`, which reads the secrets that settings name.
"""
