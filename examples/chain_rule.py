# Three steps, one after the other: square, sine, exponential. The gradient of the whole
# is the product of the gradients of the steps. Read it off the edges, from the loss down.
import torch

t = torch.tensor(0.8, requires_grad=True)

square = t**2
wave = torch.sin(square)
loss = torch.exp(wave)
loss.backward()

by_hand = torch.exp(wave) * torch.cos(square) * 2 * t
print("autograd", t.grad.item())
print("by hand ", by_hand.item())
