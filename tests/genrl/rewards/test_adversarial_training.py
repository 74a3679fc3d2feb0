import pytest

from genrl.errors import InputError
from genrl.rewards import AdversarialTraining


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"mixup": -0.1}, "mixup must be 0 or more"),
        ({"penalty_weight": -1.0}, "penalty_weight"),
        ({"entropy_weight": -1e-3}, "entropy_weight"),
        ({"weight_decay": float("nan")}, "weight_decay"),
        ({"replay_size": -5}, "replay_size"),
        ({"label_smoothing": 0.5}, "label_smoothing"),
        ({"label_smoothing": -0.1}, "label_smoothing"),
        ({"steps": 0}, "steps and batch_size"),
        ({"batch_size": 0}, "steps and batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(InputError, match=message):
        AdversarialTraining(**setting)
