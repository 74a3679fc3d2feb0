from genrl.training.fit import FitEpoch
from genrl.training.fit_checkpoints import FitCheckpoints
from genrl.training.stages import Stages
from genrl.training.watched_fit import watched_fit


def epoch(number, planned=5):
    return FitEpoch(number=number, planned=planned, train={"loss": 0.0}, validation={})


def test_epochs_of_two_stages_are_numbered_through():
    told = []
    stages = Stages(told.append)
    assert all(stages(epoch(number)) for number in (1, 2, 1, 2, 3))
    assert [(each.number, each.planned) for each in told] == [(1, 5), (2, 5), (3, 7), (4, 7), (5, 7)]


def test_it_remembers_that_an_end_was_asked_for():
    stages = Stages(lambda each: each.number < 3)
    assert [stages(epoch(number)) for number in (1, 2, 3)] == [True, True, False]
    assert stages.asked


def test_nobody_to_be_told_never_asks():
    stages = Stages(None)
    assert stages(epoch(1))
    assert not stages.asked


def test_a_stop_within_an_epoch_is_asked_for_too():
    stages, stopping = Stages(None), [False]
    with FitCheckpoints(stop=lambda: stopping[0]):
        assert watched_fit(lambda note: note(epoch(1, 2)), None).stopped == "epochs"
        assert not stages.asked
        stopping[0] = True
        assert stages.asked
        assert watched_fit(lambda note: None, None).stopped == "asked"
    assert not stages.asked
