import math

import torch

from genrl.nn import TimeEmbedding


def test_waves_of_one_half_by_hand() -> None:
    found = TimeEmbedding(2)(torch.tensor([[0.5]]))
    torch.testing.assert_close(found, torch.tensor([[0.0, -1.0, 1.0, 0.0]]), atol=1e-6, rtol=0)


def test_no_two_times_look_alike_and_nothing_is_saved() -> None:
    embedding = TimeEmbedding(3)
    found = embedding(torch.linspace(0, 1, 101)[:, None])
    assert found.shape == (101, embedding.columns)
    assert torch.cdist(found, found).fill_diagonal_(1.0).min() > 0.9 * math.pi / 100
    assert embedding.state_dict() == {}
