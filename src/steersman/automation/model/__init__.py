"""Decisions about automations as functions of their arguments: order, schedule, overlap, retry. No I/O."""
