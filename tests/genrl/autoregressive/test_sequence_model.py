import math
from itertools import product
from pathlib import Path

import pytest
import torch
from learned import Learned

from genrl.autoregressive import Recurrent, SequenceModel, Transformer
from genrl.errors import InputError
from genrl.generative_model import GenerativeModel
from genrl.training.gradient_fitting import GradientFitting

CORES = {
    "gru": Recurrent(width=16),
    "lstm": Recurrent(cell="lstm", width=16, layers=2),
    "transformer": Transformer(width=16, heads=2),
}
each_core = pytest.mark.parametrize("core", CORES.values(), ids=CORES)

MOVES = torch.tensor([[0.8, 0.15, 0.05], [0.1, 0.6, 0.3], [0.5, 0.0, 0.5]])  # of a Markov chain
LENGTH = 10


def built(core=CORES["gru"], length=6, context=0, **settings):
    torch.manual_seed(0)
    return SequenceModel(core=core, **{"levels": 4, **settings}).build(length, context)


def markov(rows, seed):
    """(rows, LENGTH) states of the chain, from the stationary distribution."""
    generator = torch.Generator().manual_seed(seed)
    states = [torch.multinomial(stationary().expand(rows, -1), 1, generator=generator)[:, 0]]
    for _ in range(LENGTH - 1):
        states.append(torch.multinomial(MOVES[states[-1]], 1, generator=generator)[:, 0])
    return torch.stack(states, 1).float()


def stationary():
    return torch.linalg.matrix_power(MOVES, 200)[0]


def entropy():
    """Of a sequence of the chain, in nats for each state."""
    first = -(stationary() * stationary().log()).sum()
    later = -(stationary()[:, None] * torch.xlogy(MOVES, MOVES)).sum()
    return float(first + (LENGTH - 1) * later) / LENGTH


@each_core
@pytest.mark.parametrize("output", ["categorical", "logistics"])
def test_all_sequences_sum_to_one(core, output):
    model, x = built(core, 4, output=output), torch.tensor(list(product(range(4), repeat=4))).float()
    assert model.log_prob(x).exp().sum().item() == pytest.approx(1.0, abs=1e-4)


@each_core
def test_no_value_sees_itself_or_what_follows(core):
    model = built(core, 6, levels=None, output="gaussians").double()
    x = torch.randn(1, 6, dtype=torch.float64, requires_grad=True)
    for place in range(6):
        (seen,) = torch.autograd.grad(model.network(x, None)[0, place].square().sum(), x, allow_unused=True)
        assert (seen[0] != 0).tolist() == [other < place for other in range(6)]


@each_core
@pytest.mark.parametrize("context", [0, 2])
def test_cached_samples_are_those_of_full_passes(core, context):
    model, given = built(core, 15, context), torch.randn(9, 2) if context else None
    torch.manual_seed(1)
    cached = model.sample(() if context else 9, given)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_by_full_passes(9, given))
    assert len(cached.unique()) == 4


@each_core
def test_real_values_are_drawn_as_by_full_passes(core):
    model = built(core, 8, levels=None, output="gaussians")
    torch.manual_seed(1)
    cached = model.sample(9)
    torch.manual_seed(1)
    assert torch.allclose(cached, model.sample_by_full_passes(9), atol=1e-4)


@each_core
def test_a_prefix_goes_on_as_if_it_had_been_drawn(core):
    model = built(core, 10)
    torch.manual_seed(1)
    whole = model.sample(5)
    for given in (0, 1, 4, 10):
        torch.manual_seed(1)
        assert torch.equal(model.complete(whole, torch.arange(10) < given), whole)


@each_core
def test_perplexity_is_that_of_the_source(core, seed: int, learned: Learned):
    model = SequenceModel(core=core, fitting=GradientFitting(updates=150, batch_size=64, learning_rate=0.02))
    torch.manual_seed(seed)
    model.fit(markov(2000, 2 * seed))
    held_out = markov(3000, 99)
    excess = abs(model.perplexity(held_out) / math.exp(entropy()) - 1)
    learned("excess of the perplexity", excess, below=0.03, baseline=3 / math.exp(entropy()) - 1)  # of three levels
    drawn = model.sample(1000)
    pairs = 3 * drawn[:, :-1] + drawn[:, 1:]
    frequencies = pairs.long().flatten().bincount(minlength=9).reshape(3, 3) / pairs.numel()
    error = (frequencies - stationary()[:, None] * MOVES).abs().max()
    learned("error of the frequencies", error, below=0.1, baseline=(stationary()[:, None] * MOVES - 1 / 9).abs().max())


def test_cross_entropy_is_entropy_plus_divergence():
    # The distribution of the data is known over all 9 sequences of two states: nothing is estimated.
    x = torch.tensor(list(product(range(3), repeat=2))).float()
    p = stationary()[x[:, 0].long()] * MOVES[x[:, 0].long(), x[:, 1].long()]
    model = built(length=2, levels=3).double()
    log_q, p = model.log_prob(x).detach(), p.double()
    cross_entropy = -(p * log_q).sum()
    entropy_of_p = -torch.xlogy(p, p).sum()
    divergence = (torch.xlogy(p, p) - p * log_q).sum()
    assert divergence > 0.05
    assert cross_entropy.item() == pytest.approx((entropy_of_p + divergence).item())
    # The loss on rows in these proportions is the same number.
    counts = torch.multinomial(p, 50_000, replacement=True, generator=torch.Generator().manual_seed(0))
    assert model.loss(x[counts])["loss"].item() == pytest.approx(cross_entropy.item(), rel=0.01)


def test_the_greedy_row_takes_the_likeliest_each_time(seed: int, learned: Learned):
    model = SequenceModel(core=CORES["gru"], fitting=GradientFitting(updates=100, batch_size=64, learning_rate=0.02))
    torch.manual_seed(seed)
    model.fit(markov(1000, seed))
    greedy = model.mode()
    assert greedy.tolist() == [0.0] * LENGTH  # the likeliest state stays where it is
    assert torch.equal(model.sample(3, temperature=0.0), greedy.expand(3, -1))
    # Arg max shows one sequence for ever; samples show the source.
    learned("different rows of 50", len(model.sample(50).unique(dim=0)), above=35, baseline=1)
    spread = [model.perplexity(model.sample(200, temperature=heat)) for heat in (0.5, 1.0, 2.0)]
    assert spread == sorted(spread)


def test_only_the_likeliest_levels_are_drawn():
    model = built(length=8)
    drawn = model.sample(300, top_k=2)
    numbers = model.network(drawn, None)
    ranks = (numbers > numbers.gather(-1, drawn.long()[..., None])).sum(-1)
    assert set(ranks.flatten().tolist()) == {0, 1}


def test_later_values_count_with_candidates(seed: int, learned: Learned):
    x = torch.randint(3, (500, 1), generator=torch.Generator().manual_seed(seed)).expand(-1, 3)
    fitting = GradientFitting(updates=100, batch_size=64, learning_rate=0.02)
    torch.manual_seed(seed)
    model = SequenceModel(core=CORES["gru"], fitting=fitting).fit(x)
    given, known = torch.tensor([[0.0, 0.0, 2.0]]).expand(100, -1), torch.tensor([False, False, True])
    without = (model.complete(given, known) == 2).all(1).float().mean()
    learned("right rows without candidates", without, below=0.6, baseline=1.0)
    right = (model.complete(given, known, candidates=30) == 2).all(1).float().mean()
    learned("right rows with candidates", right, above=0.9, baseline=1 / 3)


def test_a_context_sets_the_next_state(seed: int, learned: Learned):
    context = torch.linspace(-1, 1, 400)[:, None]
    x = (context > 0).float().expand(-1, 5)
    torch.manual_seed(seed)
    fitting = GradientFitting(updates=80, batch_size=64, learning_rate=0.02)
    model = SequenceModel(core=CORES["transformer"], fitting=fitting).fit(x, context=context)
    drawn = model.sample((50,), torch.tensor([[-0.7], [0.7]]))
    assert drawn.shape == (50, 2, 5)
    error = (drawn.mean((0, 2)) - torch.tensor([0.0, 1.0])).abs().max()
    learned("error of the means", error, below=0.1, baseline=0.5)


def test_a_density_of_real_columns_integrates_to_one():
    torch.manual_seed(0)
    x = torch.randn(500, 1) * torch.tensor([3.0, 0.1]) + torch.tensor([5.0, 0.0])
    quick = GradientFitting(updates=30, learning_rate=0.01)
    model = SequenceModel(output="gaussians", mixtures=3, core=CORES["gru"], fitting=quick).fit(x)
    first, second = torch.linspace(-25, 35, 401), torch.linspace(-1, 1, 401)
    cells = torch.cartesian_prod(first, second)
    area = (first[1] - first[0]) * (second[1] - second[0])
    assert (model.log_prob(cells).exp().sum() * area).item() == pytest.approx(1.0, abs=0.01)
    assert not model.takes_integers
    with pytest.raises(InputError, match="perplexity is of integers"):
        model.perplexity(x)


@each_core
def test_the_core_and_the_levels_are_saved(core, tmp_path: Path):
    torch.manual_seed(0)
    x = torch.randint(5, (50, 4)).float()
    model = SequenceModel(core=core, fitting=GradientFitting(updates=2)).fit(x)
    model.save(tmp_path)
    loaded = GenerativeModel.load(tmp_path)
    assert loaded.hyperparameters() == model.hyperparameters()
    assert torch.equal(loaded.log_prob(x), model.log_prob(x))


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="or output='gaussians' for real numbers"):
        SequenceModel().fit(torch.randn(10, 3))
    with pytest.raises(InputError, match=r"X must hold sequences \(rows, length\)"):
        SequenceModel().fit(torch.zeros(10, 1, 3, 3))
    with pytest.raises(InputError, match="levels are of integers"):
        SequenceModel(levels=3, output="gaussians")
    with pytest.raises(InputError, match="output must be one of"):
        SequenceModel(output="normal")
    with pytest.raises(InputError, match="heads must divide"):
        Transformer(width=10, heads=4)
    with pytest.raises(InputError, match="cell must be one of"):
        Recurrent(cell="rnn")


def test_of_any_ordering_all_probabilities_sum_to_one():
    model = built(length=3, levels=3, ordering=(2, 0, 1))
    every = torch.cartesian_prod(*[torch.arange(3.0)] * 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
        each = model.place_log_probs(every)
    assert float(each.sum(1).exp().sum()) == pytest.approx(1.0, abs=1e-5)
    # The place drawn first is the last column, which therefore depends on nothing else.
    first = each[:, 0].reshape(9, 3)
    torch.testing.assert_close(first, first[:1].expand(9, 3))
    assert each[:, 1].reshape(3, 3, 3)[0, 0].std() > 0.01, "the next one, the first column, depends on the last"


@pytest.mark.parametrize("output", ["categorical", "gaussians"])
def test_columns_stay_where_they_are_whatever_the_ordering(output, tmp_path, seed: int, learned: Learned):
    torch.manual_seed(seed)
    quick = GradientFitting(updates=150, batch_size=128, learning_rate=0.02)
    last = torch.randint(2, (600, 1))
    x = torch.cat([10 + last, 4 + 0 * last, last], 1).float()  # the last column decides the first
    x = x + 0.05 * torch.randn(600, 3) if output == "gaussians" else x
    model = SequenceModel(core=Recurrent(width=16), output=output, mixtures=2, ordering=(2, 1, 0), fitting=quick).fit(x)
    drawn = model.sample(200)
    learned("error of the means", (drawn.mean(0) - x.mean(0)).abs().max(), below=0.3, baseline=4.0)  # of other columns
    learned("median error", (drawn[:, 0] - 10 - drawn[:, 2].round()).abs().median(), below=0.3, baseline=0.5)
    known = torch.tensor([[0.0, 0.0, 1.0]] * 20)
    completed = model.complete(known, torch.tensor([False, False, True]))
    assert (completed[:, 2] == 1).all()
    learned("median error of completions", (completed[:, 0] - 11).abs().median(), below=0.3, baseline=0.5)
    model.save(tmp_path / "model")
    loaded = SequenceModel.load(tmp_path / "model")
    assert loaded.ordering == (2, 1, 0)
    torch.testing.assert_close(loaded.place_log_probs(x[:5]), model.place_log_probs(x[:5]))


def test_orderings_that_are_none_are_refused():
    with pytest.raises(InputError, match=r"name each column once, 0 \.\. 2"):
        SequenceModel(ordering=(0, 1, 1))
    with pytest.raises(InputError, match="names 2 columns, X has 3"):
        SequenceModel(levels=2, ordering=(1, 0)).build(3)
