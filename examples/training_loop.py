# Fit y = a*x + c to points on the line 3x - 1. Each turn of the loop builds a new graph;
# choose the call above the picture to see how the gradients shrink.
import torch

x = torch.linspace(-1, 1, 20)
y = 3 * x - 1

a = torch.zeros((), requires_grad=True)
c = torch.zeros((), requires_grad=True)
optimizer = torch.optim.SGD([a, c], lr=0.4)

for step in range(6):
    loss = ((a * x + c - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step}: loss {loss.item():.4f}  a {a.item():.3f}  c {c.item():.3f}")
