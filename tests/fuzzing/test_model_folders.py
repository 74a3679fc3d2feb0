"""Damaged folders of generative models, world models and planners: each loads, or is refused in one line."""

import pytest
from gymnasium import spaces
from json_edits import amounts, check_folders

from genrl.autoencoders import VAE, VQVAE
from genrl.autoregressive import MultiScale, PixelCNN, SequenceModel
from genrl.bayes import BayesClassifier, GaussianConditional
from genrl.discretised import Discretised
from genrl.flows import ContinuousFlow, Glow, NeuralSplineFlow, RealNVP
from genrl.gans import GAN, StyleGAN
from genrl.generative_model import GenerativeModel
from genrl.mixtures import GaussianMixture, MixtureDensityNetwork
from genrl.planners import (
    InverseDynamics,
    PositionControl,
    RecedingHorizonPlanner,
    ReturnGuide,
    RowTrajectorySampler,
    ScoreTrajectorySampler,
    load_planner,
    save_planner,
)
from genrl.planners.trajectory_grids import TrajectoryColumns
from genrl.score import ScoreModel
from genrl.world_models import (
    EnsembleWorldModel,
    LatentWorldModel,
    RecurrentWorldModel,
    SamplerWorldModel,
    load_world_model,
    save_world_model,
)

SMALL = {"hidden": (4,)}
MODELS = {
    "mixture": lambda: GaussianMixture(2).build(3),
    "mixture_density_network": lambda: MixtureDensityNetwork(2, **SMALL).build(3, 2),
    "real_nvp": lambda: RealNVP(transforms=2, **SMALL).build(3),
    "spline": lambda: NeuralSplineFlow(transforms=2, **SMALL).build(3, 1),
    "glow": lambda: Glow(transforms=2, levels=2, **SMALL).build((1, 4, 4)),
    "continuous_flow": lambda: ContinuousFlow(**SMALL).build(3),
    "vae": lambda: VAE(latents=2, **SMALL, posterior=RealNVP(transforms=2, **SMALL)).build(3),
    "vq_vae": lambda: VQVAE(codebook_size=4, **SMALL, prior=SequenceModel()).build(3),
    "gan": lambda: GAN(**SMALL, discriminator_hidden=(4,)).build(3),
    "style_gan": lambda: StyleGAN(channels=4, style_features=4, mapping_layers=2).build((1, 8, 8)),
    "score": lambda: ScoreModel(**SMALL).build(3),
    "sequence": lambda: SequenceModel(levels=4).build(3),
    "pixel_cnn": lambda: PixelCNN(width=4, blocks=1, levels=4).build((1, 4, 4)),
    "multi_scale": lambda: MultiScale().build((1, 8, 8)),
    "bayes": lambda: BayesClassifier(GaussianConditional()).build(3, 2),
    "discretised": lambda: Discretised(SequenceModel(levels=4), bins=4).build(3),
}


@pytest.mark.parametrize("examples", amounts(150))
def test_generative_models(tmp_path, examples):
    for name, make in MODELS.items():
        make().save(tmp_path / "sound" / name)
    check_folders(tmp_path / "sound", GenerativeModel.load, examples)


WORLD_MODELS = {
    "ensemble": lambda: EnsembleWorldModel(members=2, elites=1, **SMALL),
    "latent": lambda: LatentWorldModel(remembered=4, drawn=2, hidden=4),
    "recurrent": lambda: RecurrentWorldModel(MixtureDensityNetwork(2, **SMALL), remembered=4, **SMALL),
    "sampler": lambda: SamplerWorldModel(RealNVP(transforms=2, **SMALL)),
}


@pytest.mark.parametrize("examples", amounts(100))
def test_world_models(tmp_path, examples):
    for name, make in WORLD_MODELS.items():
        for space in (spaces.Box(-1, 1, (2,)), spaces.Discrete(3)):
            model = make().build(3, space, True)
            save_world_model(model, tmp_path / "sound" / f"{name}-{type(space).__name__}")
    check_folders(tmp_path / "sound", load_world_model, examples)


@pytest.mark.parametrize("examples", amounts(100))
def test_planners(tmp_path, examples):
    columns = TrajectoryColumns(observations=4, actions=0)
    shape, space = (8, columns.count), spaces.Box(-1, 1, (2,))
    rows = RowTrajectorySampler(model=RealNVP(transforms=2, **SMALL), given=columns.given).build(shape)
    score = ScoreTrajectorySampler(model=ScoreModel(**SMALL), given=columns.given).build(shape)
    guide = ReturnGuide(columns, 8, **SMALL)
    planners = {
        "position": RecedingHorizonPlanner(rows, columns, space, horizon=8, acting=PositionControl()),
        "inverse": RecedingHorizonPlanner(rows, columns, space, horizon=8, acting=InverseDynamics(4, 2, 1, **SMALL)),
        "guided": RecedingHorizonPlanner(score, columns, space, horizon=8, acting=PositionControl(), guide=guide),
    }
    for name, planner in planners.items():
        save_planner(planner, tmp_path / "sound" / name, "PointMaze_UMaze-v3")
    check_folders(tmp_path / "sound", load_planner, examples)
