"""Signals at random moments to the real scripts: each ends soon, without a traceback, and what it says then is true."""

from __future__ import annotations

import random
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from train_gail import TrainConfig, resume

from experts.npz import write_npz
from genrl.envs import make_vec_env
from genrl.transitions import Demonstrations, Trajectory

ROOT = Path(__file__).parents[2]
HOPPER = ["--env", "Hopper-v4"]
TIMEOUT = 120.0  # after a signal; a few seconds on a quiet machine, and a busy one is not what is tested here
SIGNALS = [signal.SIGINT, signal.SIGTERM]

Moment = Callable[["Running"], bool]


def demonstrations(env_id: str, steps: int) -> Demonstrations:
    """Four episodes of random actions."""
    env = make_vec_env(env_id, 1, seed=0)
    env.action_space.seed(0)
    episodes = []
    for _ in range(4):
        rows, actions, rewards = [env.reset()[0]], [], []
        for _ in range(steps):
            actions.append(env.action_space.sample())
            observations, reward, done, infos = env.step(np.array([actions[-1]]))
            rows.append(infos[0]["terminal_observation"] if done[0] else observations[0])
            rewards.append(float(reward[0]))
            if done[0]:
                break
        episodes.append(
            Trajectory(
                observations=np.array(rows, np.float32),
                actions=np.array(actions, np.float32),
                rewards=np.array(rewards, np.float32),
                terminated=bool(done[0]) and not infos[0].get("TimeLimit.truncated", False),
                truncated=not done[0] or infos[0].get("TimeLimit.truncated", False),
            )
        )
    env.close()
    return Demonstrations.from_trajectories(episodes, env_id=env_id)


class Running:
    """A script in a process of its own, and what it has printed so far."""

    def __init__(self, folder: Path, script: str, *arguments: str) -> None:
        command = [sys.executable, str(ROOT / "scripts" / script), *arguments]
        self.script = script
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment(folder)
        )
        self.output, self.errors = list[str](), list[str]()
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines))
            for stream, lines in ((self.process.stdout, self.output), (self.process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: object, lines: list[str]) -> None:
        lines.extend(stream)  # type: ignore[call-overload]

    def until(self, moment: Moment) -> None:
        while self.process.poll() is None and not moment(self):
            time.sleep(0.01)

    def end(self) -> int:
        """The exit code; that of a process that a signal killed as a shell tells it."""
        try:
            code = self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"{self.script} goes on {TIMEOUT:.0f} s after the signal: {self.said}")
        finally:
            for reader in self._readers:
                reader.join()
        return code if code >= 0 else 128 - code

    @property
    def said(self) -> str:
        return "".join([*self.output, *self.errors])


def environment(folder: Path) -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT), "GENRL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}


def importing(running: Running) -> bool:
    """Its first handler is installed."""
    try:
        status = Path(f"/proc/{running.process.pid}/status").read_text()
    except OSError:
        return time.monotonic() - running.began > 1.0
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def printed(words: str, *, then: float = 0.0) -> Moment:
    seen: list[float] = []

    def moment(running: Running) -> bool:
        if not seen and any(words in line for line in list(running.output)):
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] >= then

    return moment


def after(seconds: float) -> Moment:
    return lambda running: importing(running) and time.monotonic() - running.began >= seconds


def stop(folder: Path, moment: Moment, number: signal.Signals, script: str, *arguments: str) -> Running:
    """The script after its end, which was as it should be."""
    running = Running(folder, script, *arguments)
    running.until(moment)
    running.process.send_signal(number)
    code = running.end()
    assert "Traceback" not in running.said, running.said
    assert code in (0, 128 + number), running.said
    if code:
        assert "".join(running.errors).strip(), "it ended without a word"
    return running


def command_after(words: str, running: Running) -> list[str] | None:
    """The command that the script told to give."""
    for line in running.errors:
        if line.startswith(words):
            interpreter, *command = shlex.split(line.removeprefix(words))
            assert Path(interpreter).name.startswith("python")
            return command
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stop")
    write_npz(folder / "hopper.npz", demonstrations("Hopper-v4", 30))
    write_npz(folder / "pendulum.npz", demonstrations("Pendulum-v1", 60))
    return folder


GAIL = [*HOPPER, "--demos", "hopper.npz", "--num-envs", "4", "--ppo.n-steps", "64", "--eval-freq", "1024"]
GAIL += ["--eval-episodes", "2", "--final-episodes", "3", "--warm-start.updates", "300"]
GAIL += ["--warm-start.budget-share", "1", "--n-timesteps", "8192"]


def test_a_signal_while_a_script_imports_its_libraries(folder: Path) -> None:
    stopped = stop(folder, importing, signal.SIGTERM, "train_gail.py", *GAIL, "--log-folder", "imports")
    assert stopped.process.returncode == 128 + signal.SIGTERM
    assert stopped.said == "stopped before anything was saved\n"
    assert not (folder / "imports").exists()


def test_a_signal_in_the_pretraining(folder: Path) -> None:
    moment = printed("pretraining:", then=random.Random(0).uniform(0, 0.5))
    stopped = stop(folder, moment, signal.SIGINT, "train_gail.py", *GAIL, "--log-folder", "pretraining")
    assert stopped.process.returncode == 128 + signal.SIGINT
    (run,) = (folder / "pretraining").iterdir()
    assert command_after("to go on: ", stopped) == [
        str(ROOT / "scripts" / "train_gail.py"),
        "--resume",
        str(run.relative_to(folder)),
    ]
    assert "the pretraining then begins again" in stopped.said
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        agent = resume(TrainConfig(resume=run)).agent
    assert agent.start is None
    assert agent.learner.num_timesteps == 0


def test_a_second_signal_ends_a_process_at_once() -> None:
    program = (
        "import time\nfrom genrl.stop_signals import StopSignals\n"
        "with StopSignals() as stop:\n    print('ready', flush=True)\n    time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    while "once more stops at once" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT) == -signal.SIGTERM
    assert process.stderr.read() == ""


@dataclass(frozen=True)
class Script:
    """One script with settings that end within some seconds.

    Attributes:
        name: of its file.
        arguments: of a fresh run; `{out}` is a folder of its own.
        log: it makes run directories.
        before: another script that makes `{run}`.
    """

    name: str
    arguments: tuple[str, ...]
    log: bool = True
    before: str | None = None


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


EXPERT = ROOT / "experts" / "Hopper-v4" / "expert"
SHORT = {
    "train_gail": Script("train_gail.py", tuple(GAIL)),
    "train_gail, off-policy": Script(
        "train_gail.py",
        words(
            "--env Hopper-v4 --demos hopper.npz --learner sac --num-envs 4 --n-timesteps 3000 --eval-freq 1000 "
            "--eval-episodes 2 --final-episodes 3"
        ),
    ),
    "train_expert": Script(
        "train_expert.py",
        words("--env Hopper-v4 --num-envs 4 --n-timesteps 16000 --eval-freq 4000 --eval-episodes 2 --final-episodes 3"),
    ),
    "train_bc": Script("train_bc.py", words("--env Hopper-v4 --demos hopper.npz --epochs 1000 --eval-episodes 5")),
    "train_dagger": Script(
        "train_dagger.py",
        words("--env Hopper-v4 --rounds 3 --steps-per-round 400 --epochs 100 --round-episodes 3 --eval-episodes 5"),
    ),
    "train_generative": Script("train_generative.py", words("--model real_nvp --data two_moons --updates 400")),
    "train_generative, EM": Script(
        "train_generative.py", words("--model gaussian_mixture --data 25gaussians --set n_components=25")
    ),
    "train_world_model": Script(
        "train_world_model.py", words("--env Pendulum-v1 --data random:1000 --updates 300 --hidden 32")
    ),
    "train_in_dream": Script(
        "train_in_dream.py", words("--env Pendulum-v1 --real-steps 2000 --round-episodes 2 --eval-episodes 3")
    ),
    "train_planner": Script(
        "train_planner.py",
        words(
            "--env Pendulum-v1 --data pendulum.npz --acting planned --horizon 4 --stride 2 --replan-every 3 "
            "--hidden 16 --levels 8 --evaluations 4 --updates 300 --batch-size 32"
        ),
    ),
    "plan": Script("plan.py", words("{run} --episodes 5"), log=False, before="train_planner"),
    "plot": Script("plot.py", words("{run}"), log=False, before="train_gail"),
    "evaluate": Script("evaluate.py", (str(EXPERT), *words("--episodes 20 --json {out}/e.json")), log=False),
    "collect_demonstrations": Script(
        "collect_demonstrations.py", words("--env Hopper-v4 --episodes 8 --out {out}/recording"), log=False
    ),
    "compare_families": Script(
        "compare_families.py",
        words(
            "--models gaussian_mixture real_nvp --data two_moons --seeds 1 --rows 500 --updates 100 "
            "--folder {out}/cells --out {out}/families.md"
        ),
        log=False,
    ),
}


def command(script: Script, out: Path, runs: dict[str, Path]) -> list[str]:
    run = runs.get(script.before or "")
    filled = [word.format(out=out, run=run) for word in script.arguments]
    return [*filled, "--log-folder", str(out)] if script.log else filled


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, Path]:
    """A finished run of what other scripts take."""
    found = {}
    for name in ("train_gail", "train_planner"):
        out = folder / f"finished {name}"
        running = Running(folder, SHORT[name].name, *command(SHORT[name], out, {}))
        assert running.process.wait() == 0, running.said
        (found[name],) = out.iterdir()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_signals_at_random_moments(name: str, folder: Path, runs: dict[str, Path]) -> None:
    script, rng = SHORT[name], random.Random(name)
    whole = Running(folder, script.name, *command(script, folder / f"{name} whole", runs))
    assert whole.end() == 0, whole.said
    seconds = time.monotonic() - whole.began
    for trial in range(5):
        out = folder / f"{name} {trial}"
        out.mkdir()
        # The first half of most is the import, of which one moment is enough.
        share = rng.uniform(0, 0.4) if trial == 0 else rng.uniform(0.4, 1.0)
        stopped = stop(folder, after(share * seconds), SIGNALS[trial % 2], script.name, *command(script, out, runs))
        print(f"{name}, {share:.2f} of {seconds:.1f} s: {''.join(stopped.errors)}")
        if stopped.process.returncode == 0:
            continue
        resume, evaluate = command_after("to go on: ", stopped), command_after("to evaluate: ", stopped)
        assert resume or "stopped" in "".join(stopped.errors)
        for continued in (evaluate, resume):
            if continued:
                short = ["--episodes", "2"] if continued is evaluate else []
                done = Running(folder, Path(continued[0]).name, *continued[1:], *short)
                assert done.process.wait() == 0, done.said
                done.end()
                assert "Traceback" not in done.said
