# A new tensor does not need a gradient unless you say so. Nothing here was recorded,
# so backward() has nothing to walk through and stops with an error.
import torch

speed = torch.tensor([3.0, 4.0])
energy = 0.5 * torch.dot(speed, speed)
print("energy.requires_grad", energy.requires_grad)

energy.backward()
