import torch
from hypothesis import settings

# The networks of the tests are small: more threads only wait for each other, and for the simulator's.
torch.set_num_threads(1)

# The same examples each time, and no clock: a busy machine is no error.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
