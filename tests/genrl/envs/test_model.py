import warnings
from types import SimpleNamespace

import mujoco
import pytest

from genrl.envs import make_vec_env
from genrl.envs.model import load_model


def test_gymnasiums_own_models_load_without_noise(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_vec_env("HalfCheetah-v4", 1).close()
    assert capfd.readouterr().err == ""
    assert not list(tmp_path.iterdir())


def test_other_messages_of_the_compiler_are_passed_on(monkeypatch):
    handlers = []

    def compile_noisily(path):
        for message in ("'settotalmass' is deprecated", "a joint has no inertia"):
            handlers[-1](message)
        return "the model"

    compiler = SimpleNamespace(
        get_mju_user_warning=lambda: None,
        set_mju_user_warning=handlers.append,
        MjModel=SimpleNamespace(from_xml_path=compile_noisily),
    )
    monkeypatch.setattr("genrl.envs.model.mujoco", compiler)
    with pytest.warns(UserWarning, match="inertia") as caught:
        assert load_model("body.xml") == "the model"
    assert [str(warning.message) for warning in caught] == ["a joint has no inertia"]


def test_the_handler_of_warnings_is_put_back(tmp_path):
    before = mujoco.get_mju_user_warning()
    path = tmp_path / "broken.xml"
    path.write_text("<mujoco>")
    with pytest.raises(ValueError, match="XML"):
        load_model(str(path))
    assert mujoco.get_mju_user_warning() is before
