"""The errors that are meant for people."""


class BackproveError(Exception):
    """The base of every error that says, in one paragraph, what a user can put right."""
