import io
import re
from types import SimpleNamespace

import gymnasium as gym
import pytest
from rich.console import Console
from stable_baselines3 import PPO

from genrl.training import progress_display
from genrl.training.progress_display import ProgressDisplay, StageDisplay, recent_return

LINE = re.compile(r"^([\d,]+)/([\d,]+) steps · ([\d,]+)/s( · .*)? · (\d+) (s|min) left$")


@pytest.fixture
def ppo():
    return PPO("MlpPolicy", gym.make("CartPole-v1"), n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu")


@pytest.fixture
def one_second_a_step(monkeypatch):
    clock = SimpleNamespace(now=0.0)

    class Ticking:
        @staticmethod
        def monotonic():
            return clock.now

    monkeypatch.setattr(progress_display, "time", Ticking)

    def tick(_):
        clock.now += 1.0

    return tick


def console(terminal=False):
    return Console(file=io.StringIO(), force_terminal=terminal, width=160)


def test_plain_lines_say_how_far_how_fast_and_how_long(ppo, one_second_a_step):
    class Clocked(ProgressDisplay):
        def _on_step(self):
            one_second_a_step(None)
            return super()._on_step()

    out = console()
    ppo.learn(64, Clocked(64, lambda _: {"return": "12"}, console=out))
    lines = [LINE.match(line) for line in out.file.getvalue().splitlines()]
    assert all(lines)
    # The first after five seconds, then every ten, and one at the end.
    assert [int(line[1]) for line in lines] == [5, 15, 25, 35, 45, 55, 64]
    assert {line[3] for line in lines} == {"1"}
    assert lines[0][5] == "59"
    assert lines[-1][5] == "0"
    assert lines[0][4] is None
    assert lines[-1][4] == " · return 12"


def test_minutes_where_many_seconds_are_left(ppo, one_second_a_step):
    class Clocked(ProgressDisplay):
        def _on_step(self):
            one_second_a_step(None)
            return super()._on_step()

    out = console()
    ppo.learn(32, Clocked(632, lambda _: {}, console=out))
    last = LINE.match(out.file.getvalue().splitlines()[-1])
    assert (last[5], last[6]) == ("10", "min")


def test_the_time_before_the_first_step_does_not_count(ppo, one_second_a_step):
    class AfterAnEvaluation(ProgressDisplay):
        def _on_training_start(self):
            super()._on_training_start()
            for _ in range(100):
                one_second_a_step(None)

        def _on_step(self):
            one_second_a_step(None)
            return super()._on_step()

    out = console()
    ppo.learn(32, AfterAnEvaluation(32, lambda _: {}, console=out))
    first = LINE.match(out.file.getvalue().splitlines()[0])
    assert (first[1], first[3], first[5]) == ("2", "1", "30")


def test_a_resumed_run_counts_all_steps_but_times_its_own(ppo):
    ppo.learn(32)
    out = console()
    ppo.learn(32, ProgressDisplay(64, lambda _: {}, console=out), reset_num_timesteps=False)
    last = LINE.match(out.file.getvalue().splitlines()[-1])
    assert (last[1], last[2], last[5]) == ("64", "64", "0")


def test_plain_output_goes_to_standard_output_by_default(ppo, capsys):
    ppo.learn(32, ProgressDisplay(32, lambda _: {}))
    assert LINE.match(capsys.readouterr().out.splitlines()[-1])


def test_a_terminal_gets_a_bar(ppo):
    out = console(terminal=True)
    display = ProgressDisplay(32, lambda _: {"return": "99"}, console=out)
    ppo.learn(32, display)
    shown = out.file.getvalue()
    assert "32/32 steps" in shown
    assert "return 99" in shown
    assert "left" in shown
    assert "\x1b" in shown


def test_figures_are_asked_for_once_a_rollout(ppo):
    asked = []
    display = ProgressDisplay(96, lambda callback: asked.append(callback.num_timesteps) or {}, console=console())
    ppo.learn(96, display)
    assert asked == [32, 64, 96]


def test_the_recent_return_is_the_mean_of_finished_episodes(ppo):
    seen = []

    def figures(callback):
        seen.append(recent_return(callback))
        return {}

    ppo.learn(96, ProgressDisplay(96, figures, console=console()))
    assert seen[-1] == pytest.approx(sum(e["r"] for e in ppo.ep_info_buffer) / len(ppo.ep_info_buffer))
    empty = SimpleNamespace(model=SimpleNamespace(ep_info_buffer=[]))
    assert recent_return(empty) is None


def show_two_stages(display, tick):
    with display:
        for stage in ("first", "second"):
            for done in range(30):
                display.show(stage, done, 30)
                tick(None)


def test_stages_are_plain_lines_with_the_time_left_without_a_terminal(one_second_a_step):
    out = console()
    show_two_stages(StageDisplay(console=out), one_second_a_step)
    lines = out.file.getvalue().splitlines()
    assert lines[:4] == ["first", "first: 10/30 · 20 s left", "first: 20/30 · 10 s left", "second"]
    assert len(lines) == 6


def test_stages_are_a_bar_on_a_terminal(one_second_a_step):
    out = console(terminal=True)
    show_two_stages(StageDisplay(console=out), one_second_a_step)
    shown = out.file.getvalue()
    assert "second" in shown
    assert "29/30" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back
