import pytest

from genrl.envs.named_tasks import check_named_task
from genrl.errors import InputError


@pytest.mark.parametrize("env_id", ["Hopper-v4", "ALE/Pong-v5", "", "json:Nothing-v0"])
def test_names_that_import_nothing_are_accepted(env_id):
    check_named_task(env_id, "the file")


@pytest.mark.parametrize("env_id", ["antigravity:Flying-v0", "a.b.c:X-v0", ":X-v0"])
def test_names_that_import_a_module_are_refused(env_id):
    with pytest.raises(InputError, match=r"the file names the task .* pass --env"):
        check_named_task(env_id, "the file")
