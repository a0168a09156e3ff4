# Three steps, one after the other: square, sine, exponential. The gradient of the whole
# is the product of the gradients of the steps. Read it off the edges, from the loss down.
import math

import torch

start = 0.8
t = torch.tensor(start, requires_grad=True)

square = t**2
wave = torch.sin(square)
loss = torch.exp(wave)
loss.backward()

by_hand = math.exp(math.sin(start**2)) * math.cos(start**2) * 2 * start
print("autograd", t.grad.item())
print("by hand ", by_hand)
