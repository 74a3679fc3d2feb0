"""How well flows fit, beside zuko and nflows: held-out negative log-likelihood at equal networks, batches and steps.

Six distributions over the plane, transitions (state, action) of the shipped Ant expert, and dequantised digits. All
contenders see the same standardised rows in the same order. The digits are so few that every flow ends up knowing them
by heart: there a tenth is set aside, and of each contender the weights that served it best are kept. Figures are in
nats of the rows in their own units, with the standard error that the rows held out leave. Each cell is written when it
is done, and a second call goes on with those that are missing.

    make bench-install
    python benchmarks/flow_quality.py --out flow_quality.csv
    python benchmarks/flow_quality.py --out flow_quality.csv --list
    python benchmarks/flow_quality.py --out flow_quality.csv --report
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import torch
import tyro
from flow_contenders import AUTOREGRESSIVE, ROBUST, Contender, families, robust
from resumable_csv import append_row, read_rows
from torch import Tensor

FAMILIES = ("real_nvp", "masked_autoregressive", "neural_spline", "glow")
CHOICE_EVERY = 50  # steps between two looks at the rows set aside
FIELDS = ("data", "family", "contender", "seed", "steps", "parameters", "nll", "nll_error", "seconds")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Held-out nats by data set, family and contender."""

    data: tuple[str, ...] = ()
    """Which; all by default."""
    families: tuple[str, ...] = FAMILIES
    """Which."""
    seeds: tuple[int, ...] = (0,)
    """Of weights and batches."""
    steps: int = 3000
    """Gradient steps."""
    batch_size: int = 256
    """Rows of a step."""
    learning_rate: float = 2e-3
    """Adam's at first; it falls to zero along half a cosine."""
    out: Path = Path("flow_quality.csv")
    """The table, of which only missing cells are computed."""
    robust: bool = False
    """Ours alone, with a base of heavy tails."""
    list: bool = False
    """Only say which cells are missing."""
    report: bool = False
    """Only print the table of what is finished, in Markdown."""


Cell = tuple[str, str, str, int]


def plane(name: str) -> Callable[[], tuple[Tensor, Tensor]]:
    """Rows to learn from and rows held out, of a distribution over the plane."""

    def load() -> tuple[Tensor, Tensor]:
        from genrl.evaluation.toy_distributions import toy_samples

        return toy_samples(name, 20_000, 0), toy_samples(name, 10_000, 1)

    return load


def ant() -> tuple[Tensor, Tensor]:
    """Transitions of the expert's mean actions, without columns that never change; every fifth episode held out."""
    from experts import load_demonstrations

    demonstrations = load_demonstrations("Ant-v4", stochastic=False)
    parts: list[list[Tensor]] = [[], []]
    for number, trajectory in enumerate(demonstrations.trajectories()):
        observations = torch.as_tensor(trajectory.observations[: len(trajectory.actions)]).float()
        parts[number % 5 == 4].append(torch.cat([observations, torch.as_tensor(trajectory.actions).float()], 1))
    train, test = torch.cat(parts[0]), torch.cat(parts[1])
    varies = train.std(0) > 1e-6
    return train[:, varies], test[:, varies]


def digits() -> tuple[Tensor, Tensor]:
    """Scikit-learn's 8 x 8 digits, noise added within a grey level; every fifth held out."""
    from sklearn.datasets import load_digits

    images = torch.from_numpy(load_digits().data).float()
    rows = (images + torch.rand(images.shape, generator=torch.Generator().manual_seed(0))) / 17
    held_out = torch.arange(len(rows)) % 5 == 4
    return rows[~held_out], rows[held_out]


def units_of(name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each column; of digits one deviation, for some pixels are nearly always black."""
    deviation = x.std(0)
    return x.mean(0), x.std().expand_as(deviation) if name == "digits" else deviation


def data_sets() -> dict[str, Callable[[], tuple[Tensor, Tensor]]]:
    """By name."""
    from genrl.evaluation.toy_distributions import TOY_DISTRIBUTIONS

    return {**{name: plane(name) for name in TOY_DISTRIBUTIONS}, "ant": ant, "digits": digits}


def train(contender: Contender, x: Tensor, config: Config, seed: int, set_aside: Tensor | None = None) -> None:
    """Minimise the mean negative log-likelihood, in the same way for all.

    Args:
        contender: trained in place.
        x: standardised rows.
        config: how long.
        seed: of the batches.
        set_aside: rows that choose among the weights on the way; without them the last ones stay.
    """
    best, kept = float("inf"), None
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(contender.module.parameters(), config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    contender.module.train()
    for step in range(config.steps):
        batch = x[torch.randint(len(x), (config.batch_size,), generator=generator)]
        loss = -contender.log_prob(batch).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(contender.module.parameters(), 10.0)
        if torch.isfinite(norm):
            optimizer.step()
        schedule.step()
        if set_aside is not None and step % CHOICE_EVERY == 0:
            nats = mean_nats(contender, set_aside)
            if nats < best:
                best, kept = nats, deepcopy(contender.module.state_dict())
    if kept is not None:
        contender.module.load_state_dict(kept)
    contender.module.eval()


def mean_nats(contender: Contender, x: Tensor) -> float:
    """Mean negative log-likelihood, without gradients."""
    contender.module.eval()
    with torch.no_grad():
        nats = -contender.log_prob(x).double().mean()
    contender.module.train()
    return float(nats)


def cell(config: Config, name: str, family: str, contender_name: str, seed: int) -> dict[str, object]:
    """Fit one contender to one data set and score the rows held out."""
    x, held_out = data_sets()[name]()
    mean, deviation = units_of(name, x)
    x, aside = (x[torch.arange(len(x)) % 10 != 9], x[9::10]) if name == "digits" else (x, None)
    torch.manual_seed(seed)
    contender = (robust() if contender_name == ROBUST else families())[family][contender_name](x.shape[1])
    start = time.thread_time()
    train(contender, (x - mean) / deviation, config, seed, None if aside is None else (aside - mean) / deviation)
    seconds = time.thread_time() - start
    with torch.no_grad():
        parts = ((held_out - mean) / deviation).split(2048)
        nats = -torch.cat([contender.log_prob(part) for part in parts]).double() + deviation.log().sum()
    return {
        "data": name,
        "family": family,
        "contender": contender_name,
        "seed": seed,
        "steps": config.steps,
        "parameters": contender.parameters,
        "nll": round(float(nats.mean()), 4),
        "nll_error": round(float(nats.std() / len(nats) ** 0.5), 4),
        "seconds": round(seconds, 1),
    }


def cells(config: Config) -> list[Cell]:
    """All that there are, the coupling's autoregressive rival aside, which has twice the parameters."""
    table = robust() if config.robust else families()
    return [
        (name, family, contender, seed)
        for name in config.data or data_sets()
        for seed in config.seeds
        for family in config.families
        for contender in table[family]
        if contender != AUTOREGRESSIVE
    ]


def done(config: Config) -> set[Cell]:
    """Those that the table already has, at this number of steps."""
    return {
        (row["data"], row["family"], row["contender"], int(row["seed"]))
        for row in read_rows(config.out)
        if int(row["steps"]) == config.steps
    }


def report(rows: list[dict[str, str]]) -> str:
    """The means over seeds with standard errors: of the seeds where there are several, else of the rows held out."""
    figures: dict[tuple[str, str], dict[str, str]] = {}
    for name, family, contender in dict.fromkeys((row["data"], row["family"], row["contender"]) for row in rows):
        own = [row for row in rows if (row["data"], row["family"], row["contender"]) == (name, family, contender)]
        nats = [float(row["nll"]) for row in own]
        error = stdev(nats) / len(nats) ** 0.5 if len(nats) > 1 else float(own[0]["nll_error"])
        figures.setdefault((family, contender), {})[name] = f"{mean(nats):.3f} ± {error:.3f}"
    names = list(dict.fromkeys(row["data"] for row in rows))
    lines = ["| family | library | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for (family, contender), cells_of in figures.items():
        lines.append(f"| {family} | {contender} | " + " | ".join(cells_of.get(name, "-") for name in names) + " |")
    return "\n".join(lines)


def main(config: Config) -> None:
    """Compute, list what is missing, or report."""
    if config.report:
        print(report([row for row in read_rows(config.out) if int(row["steps"]) == config.steps]))
        return
    torch.set_num_threads(1)
    finished = done(config)
    missing = [one for one in cells(config) if one not in finished]
    for one in missing:
        if config.list:
            print(*one)
            continue
        row = cell(config, *one)
        print(row, flush=True)
        append_row(config.out, FIELDS, row)


if __name__ == "__main__":
    main(tyro.cli(Config))
