# exp() keeps its result, because backward() needs it. Line 8 then overwrites that result.
# PyTorch notices and refuses. Write  growth = growth + 1  instead, which makes a new tensor.
import torch

rate = torch.tensor([0.1, 0.2], requires_grad=True)

growth = torch.exp(rate)
growth += 1
total = growth.sum()

total.backward()
