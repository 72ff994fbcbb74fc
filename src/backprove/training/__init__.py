"""Training looked at: before it, while it runs, and after it."""
