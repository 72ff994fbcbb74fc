"""A doctor for training runs: the log of a run in, findings with their evidence out.

`doctor.diagnose` is the way through: `reading` gives blocks of rows from any known format, `columns`
says what is what, `series` keeps a bounded summary of every column, `run` puts them on one axis,
`signals` measures what curves do, `rules` judge, and `doctor` decides which finding comes first.
"""
