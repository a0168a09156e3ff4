# The same with the default written out: requires_grad=False. Change it to True and run again.
import torch

speed = torch.tensor([3.0, 4.0], requires_grad=False)
energy = 0.5 * torch.dot(speed, speed)
energy.backward()
print("speed.grad", speed.grad)
