"""GAIL of the `imitation` library, timed: as its command line and its quickstart set it up, and tuned by hand."""

from __future__ import annotations

from gail_work import (
    DEMONSTRATIONS,
    DISCRIMINATOR_BATCH,
    DISCRIMINATOR_STEPS,
    GAMMA,
    NUM_ENVS,
    PPO_EPOCHS,
    PPO_LEARNING_RATE,
    PPO_MINIBATCH,
    ROLLOUT,
    steps_per_second,
)


def imitation_command_line(env_id: str, env_steps: int) -> float:
    """Eight processes, torch's default threads: what its command line sets up."""
    return time_imitation(env_id, env_steps, parallel=True, keep_infos=True)


def imitation_quickstart(env_id: str, env_steps: int) -> float:
    """Eight environments in one process, torch's default threads: what its quickstart sets up."""
    return time_imitation(env_id, env_steps, parallel=False, keep_infos=True)


def imitation_tuned(env_id: str, env_steps: int) -> float:
    """One process, one torch thread and no record of infos: the best that was found without changing its code."""
    import torch

    torch.set_num_threads(1)
    return time_imitation(env_id, env_steps, parallel=False, keep_infos=False)


def time_imitation(env_id: str, env_steps: int, *, parallel: bool, keep_infos: bool) -> float:
    """Env steps a second of `imitation`'s GAIL with the settings of its quickstart."""
    import numpy as np
    from imitation.algorithms.adversarial.gail import GAIL
    from imitation.data.types import TrajectoryWithRew
    from imitation.data.wrappers import RolloutInfoWrapper
    from imitation.rewards.reward_nets import BasicRewardNet
    from imitation.util.networks import RunningNorm
    from imitation.util.util import make_vec_env
    from stable_baselines3 import PPO

    from experts import load_demonstrations

    demonstrations = [
        TrajectoryWithRew(obs=t.observations, acts=t.actions, rews=t.rewards, infos=None, terminal=True)
        for t in load_demonstrations(env_id, episodes=DEMONSTRATIONS).trajectories()
    ]
    wrappers = [lambda env, _: RolloutInfoWrapper(env)] if keep_infos else None
    rng = np.random.default_rng(0)
    venv = make_vec_env(env_id, rng=rng, n_envs=NUM_ENVS, parallel=parallel, post_wrappers=wrappers)
    learner = PPO(
        "MlpPolicy",
        venv,
        n_steps=ROLLOUT // NUM_ENVS,
        batch_size=PPO_MINIBATCH,
        ent_coef=0.0,
        learning_rate=PPO_LEARNING_RATE,
        gamma=GAMMA,
        n_epochs=PPO_EPOCHS,
        seed=0,
        device="cpu",
    )
    trainer = GAIL(
        demonstrations=demonstrations,
        demo_batch_size=DISCRIMINATOR_BATCH,
        gen_replay_buffer_capacity=512,
        n_disc_updates_per_round=DISCRIMINATOR_STEPS,
        venv=venv,
        gen_algo=learner,
        reward_net=BasicRewardNet(venv.observation_space, venv.action_space, normalize_input_layer=RunningNorm),
        allow_variable_horizon=True,
    )
    speed = steps_per_second(trainer.train, ROLLOUT, env_steps)
    venv.close()
    return speed
