"""The one exception that means "the caller can put this right"."""

__all__ = ["InputError"]


class InputError(ValueError):
    """Something given from outside cannot be used; the message says what is wrong and what to do.

    Command lines print the message alone and exit with code 2, so it must be readable without a traceback.
    """
