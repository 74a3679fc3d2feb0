"""The exceptions of this package: one for input that the caller can put right, one for numbers that are not finite."""

__all__ = ["InputError", "NotFiniteError", "one_line", "reason_of"]


class InputError(ValueError):
    """Something given from outside cannot be used; the message says what is wrong and what to do.

    Command lines print the message alone and exit with code 2, so it must be readable without a traceback.
    """


class NotFiniteError(ArithmeticError):
    """NaN or infinity appeared while something was running; the message says where and when, in one line.

    What was saved before stays as it is. Command lines print the message alone and exit with code 1.
    """


def one_line(message: object, longest: int = 400) -> str:
    """A message without line breaks and control characters, cut where it is longer than `longest` characters.

    >>> one_line("two" + chr(10) + chr(9) + "words")
    'two words'
    """
    text = " ".join(str(message)[: 4 * longest].split())
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= longest else text[:longest] + " ..."


def reason_of(error: BaseException) -> str:
    """What another library's exception says, as a part of a message in one line.

    >>> reason_of(ValueError("first" + chr(10) + "second")), reason_of(KeyError())
    ('first second', 'KeyError')
    """
    return one_line(error, 200) or type(error).__name__
