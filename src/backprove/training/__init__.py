"""Training looked at: before it, while it runs, and after it."""

#: a unit with less of its function's greatest slope than this is saturated
SATURATED = 0.05
