"""The benchmark of known maps: its bodies correspond as it says, it goes on where it stopped, and maps are found."""

from __future__ import annotations

import csv
from pathlib import Path
from types import ModuleType

import mujoco
import numpy as np
import pytest
import torch
from learned import Learned

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import domain_maps

    return domain_maps


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import two_cheetahs

    return two_cheetahs


def places(xml: str, positions: np.ndarray) -> dict[str, np.ndarray]:
    model = mujoco.MjModel.from_xml_string(xml)
    data = mujoco.MjData(model)
    data.qpos[1:] = positions
    mujoco.mj_kinematics(model, data)
    return {name: data.body(name).xpos.copy() for name in ("torso", "bthigh", "bshin", "bfoot", "fthigh", "ffoot")}


@pytest.mark.parametrize("turned", [False, True])
def test_corresponding_states_are_bent_alike(bodies: ModuleType, turned: bool) -> None:
    rows = np.random.default_rng(0).uniform(-0.4, 0.4, (5, 17))
    mapped = bodies.corresponding(rows, turned=turned)
    standard, other = bodies.STANDARD.read_text(), bodies.other_body(turned=turned)
    for before, after in zip(rows, mapped, strict=True):
        one, two = places(standard, before[:8]), places(other, after[:8])
        thigh, longer = one["bshin"] - one["bthigh"], two["bshin"] - two["bthigh"]
        np.testing.assert_allclose(longer, 1.25 * thigh, atol=1e-9)
        trunk, wider = one["fthigh"] - one["bthigh"], two["fthigh"] - two["bthigh"]
        np.testing.assert_allclose(wider, 1.2 * trunk, atol=1e-9)
    assert (mapped[:, 13:] == rows[:, 13:]).all(0).tolist() == [True, not turned, not turned, not turned]
    low = [
        bodies._lowest(mujoco.MjModel.from_xml_string(xml), part[:, :8])
        for xml, part in ((standard, rows), (other, mapped))
    ]
    np.testing.assert_allclose(*low, atol=1e-9)


def test_states_follow_from_the_seed(bodies: ModuleType) -> None:
    body = bodies.other_body()
    first, again, other = (bodies.states_of(body, 20, seed) for seed in (0, 0, 1))
    assert first.shape == (20, 17)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_expert_moves_a_turned_body_as_if_it_were_not(bodies: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "NOISE", 0.0)
    plain, turned = (bodies.expert_actions(turned=turned, seed=0) for turned in (False, True))
    observation = np.random.default_rng(0).normal(size=17)
    mirrored = observation * np.concatenate((bodies.SIGNS, [1.0], bodies.SIGNS))
    np.testing.assert_allclose(turned(mirrored), plain(observation) * bodies.SIGNS[2:], atol=1e-6)
    assert not np.allclose(turned(observation), plain(observation) * bodies.SIGNS[2:], atol=1e-2)


def test_a_distance_is_in_deviations_of_the_domain(benchmark: ModuleType) -> None:
    rows = torch.randn(400, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 100.0])
    assert benchmark.distance(rows, rows) == 0.0
    moved = rows + rows.std(0)
    assert benchmark.distance(moved, rows) == pytest.approx(1.0, rel=0.1)  # |(1, 1)| / sqrt(2 columns)


def test_it_goes_on_where_it_stopped(benchmark: ModuleType, tmp_path: Path) -> None:
    table = tmp_path / "maps.csv"
    config = benchmark.Config(tasks=("plane", "cycle_inverted"), seeds=(0, 1), updates=2, out=table)
    benchmark.main(benchmark.Config(tasks=("cycle_inverted",), seeds=(0,), updates=2, out=table))
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["map_error"]) > 1.0  # two updates teach nothing
    assert float(row["class_meant"]) > 0.95
    assert benchmark.missing(config) == [("plane", 0), ("plane", 1), ("cycle_inverted", 1)]
    with pytest.raises(SystemExit, match="no task none"):
        benchmark.missing(benchmark.Config(tasks=("none",)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "error", "kept"),
    [
        ("cycle_inverted", 0.3, 0.95),
        ("paired_rotated", 0.3, 0.95),
        ("paired_rotated_l1", 0.2, 0.95),
        ("posed", 0.5, 0.7),
    ],
)
def test_maps_of_digits_are_found(
    benchmark: ModuleType, task: str, error: float, kept: float, seed: int, learned: Learned
) -> None:
    torch.manual_seed(seed)
    figures = benchmark.TASKS[task](seed, benchmark.Config())
    learned("error", figures["map_error"], below=error, baseline=figures["start_error"])
    learned("classes kept", figures["class_kept"], above=kept, baseline=0.1)
