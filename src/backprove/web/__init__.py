"""`backprove serve`: the pages that check, derive and explore, and the JSON behind them.

A face: it computes nothing. Requests are read (`messages`), kept within limits (`guard`), answered
by worker processes (`workers`, `worker`) which ask the library (`tasks` and the modules it names),
and shown as pages (`pages`) or as JSON (`api`).
"""
