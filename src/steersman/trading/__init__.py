"""Signals in, checked orders out: the pre-trade gate, the order path, the book and the trade journal's facts."""
