import torch

# The networks of the tests are small: more threads only wait for each other, and for the simulator's.
torch.set_num_threads(1)
