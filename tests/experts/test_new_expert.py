import numpy as np
import pytest

from experts import register
from experts.new_expert import choose_tier, describe_expert
from genrl.errors import InputError
from genrl.evaluation import Evaluation
from genrl.policies.actor import Actor, ActorConfig


def registered(tier, env_id="Pendulum-v1"):
    register(Actor(ActorConfig(obs_dim=3, act_dim=1, hidden_sizes=(4,))), {"env_id": env_id, "tier": tier})


def test_the_first_free_name_is_taken():
    assert choose_tier("Pendulum-v1", "sac", None) == "expert"
    registered("expert")
    assert choose_tier("Pendulum-v1", "sac", None) == "sac"
    registered("sac")
    assert choose_tier("Pendulum-v1", "sac", None) == "sac-2"
    assert choose_tier("Pendulum-v1", "ppo", None) == "ppo"


def test_a_registered_name_is_replaced_only_when_asked():
    registered("mine")
    with pytest.raises(InputError, match=r"registered 'mine': choose another --tier, or pass --replace"):
        choose_tier("Pendulum-v1", "ppo", "mine")
    assert choose_tier("Pendulum-v1", "ppo", "mine", replace=True) == "mine"


def test_a_shipped_name_stays():
    with pytest.raises(InputError, match="shipped and stays"):
        choose_tier("Ant-v4", "ppo", "expert", replace=True)


def test_the_card_says_what_was_measured():
    config = ActorConfig(obs_dim=376, act_dim=17, hidden_sizes=(8, 4), columns=tuple(range(45)), env_id="Humanoid-v4")
    evaluation = Evaluation(
        env_id="Humanoid-v4", returns=np.array([1.0, 3.0]), lengths=np.array([10, 20]), seeds=np.array([0, 1])
    )
    card = describe_expert(
        Actor(config), tier="mine", algorithm="trpo", num_timesteps=1_000, command="python x", evaluation=evaluation
    )
    assert (card["env_id"], card["tier"], card["policy"]["command"]) == ("Humanoid-v4", "mine", "python x")
    assert card["policy"]["algorithm"].startswith("trust region policy optimisation (TRPO), sb3-contrib 2.")
    assert "1,000 environment steps" in card["policy"]["training"]
    assert card["policy"]["network"].startswith("8-4 relu")
    assert "45 of 376" in card["policy"]["network"]
    figures = {name: card["evaluation"][name] for name in ("episodes", "seeds", "return_mean", "return_std")}
    assert figures == {"episodes": 2, "seeds": "0-1", "return_mean": 2.0, "return_std": 1.0}
    assert card["evaluation"]["length_mean"] == 15.0
    assert "evaluation_stochastic" not in card
