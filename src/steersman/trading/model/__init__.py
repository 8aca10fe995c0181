"""The words of trading: instruments, signals, orders, fills, the book. Values and pure folds only."""
