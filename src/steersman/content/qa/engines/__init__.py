"""The engines of the first pass: our own house rules, and Harper's grammar and spelling."""
