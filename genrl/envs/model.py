"""Loading a model without the noise that the user can do nothing about."""

import warnings

import mujoco

__all__ = ["load_model"]


def load_model(path: str) -> mujoco.MjModel:
    """The compiled model of an XML file.

    Some of Gymnasium's models use `settotalmass`, which MuJoCo 4 calls deprecated at every load, on standard error and
    in a file of the working directory. Any other message of the compiler becomes a Python warning.
    """
    messages: list[str] = []
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(messages.append)
    try:
        model = mujoco.MjModel.from_xml_path(path)
    finally:
        mujoco.set_mju_user_warning(before)
    for message in messages:
        if "settotalmass" not in message:
            warnings.warn(message, stacklevel=2)
    return model
