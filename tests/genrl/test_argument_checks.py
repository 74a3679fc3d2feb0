import math

import pytest

from genrl.argument_checks import at_least, one_of
from genrl.errors import InputError


@pytest.mark.parametrize("value", [0, 0.5, math.nan, (3, 0), [0]])
def test_what_is_too_small_is_refused_by_name(value: object) -> None:
    with pytest.raises(InputError, match="width must be 1 or more, not"):
        at_least(1, layers=1, width=value)


def test_what_is_large_enough_or_not_given_passes() -> None:
    at_least(1, layers=1, hidden=(), width=None, widths=(1, 2))


def test_a_word_that_is_no_choice_is_refused_with_the_choices() -> None:
    one_of(("gru", "lstm"), cell="lstm")
    with pytest.raises(InputError, match="cell must be one of gru, lstm, not 'rnn'"):
        one_of(("gru", "lstm"), cell="rnn")
