"""Findings in the forms that others read."""
