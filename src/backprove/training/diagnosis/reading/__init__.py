"""Logs of training runs, read as blocks of rows; no format is held in memory as a whole."""
