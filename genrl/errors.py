"""The exceptions of this package: one for input that the caller can put right, one for numbers that are not finite."""

__all__ = ["InputError", "NotFiniteError", "reason_of"]


class InputError(ValueError):
    """Something given from outside cannot be used; the message says what is wrong and what to do.

    Command lines print the message alone and exit with code 2, so it must be readable without a traceback.
    """


class NotFiniteError(ArithmeticError):
    """NaN or infinity appeared while something was running; the message says where and when, in one line.

    What was saved before stays as it is. Command lines print the message alone and exit with code 1.
    """


def reason_of(error: BaseException) -> str:
    """What another library's exception says, as a part of a message: one line that can be printed, 200 signs at most.

    >>> reason_of(ValueError("first" + chr(10) + "second")), reason_of(KeyError())
    ('first second', 'KeyError')
    """
    words = " ".join(str(error)[:1000].split())
    return "".join(sign if sign.isprintable() else "?" for sign in words)[:200] or type(error).__name__
