# detach() gives the same numbers without their history. Here the goal is computed from w too,
# but it is meant to stand still while the guess moves: the gradient flows through the guess only.
import torch

w = torch.tensor([0.6, -0.2], requires_grad=True)
state = torch.tensor([1.0, 3.0])

guess = (w * state).sum()
future = (w * (state + 1)).sum()
goal = 0.9 * future.detach()

loss = (guess - goal) ** 2
loss.backward()

print("future.requires_grad", future.requires_grad)
print("goal.requires_grad  ", goal.requires_grad)
print("w.grad", w.grad)
