import pytest
import torch

from genrl.errors import InputError
from genrl.training.devices import available_device


@pytest.mark.parametrize("name", ["cpu", "cpu:0"])
def test_the_cpu_is_always_there(name):
    assert available_device(name) == name


def test_auto_takes_a_gpu_where_there_is_one():
    assert available_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["warp", "cuda:99", ""])
def test_what_is_not_there_is_refused_in_one_line(name):
    with pytest.raises(InputError, match=f"no device '{name}'") as caught:
        available_device(name)
    assert "\n" not in str(caught.value)
