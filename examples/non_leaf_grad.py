# Gradients flow through y, but only leaves keep theirs: y.grad is None afterwards.
# Add the line  y.retain_grad()  before backward() and run again.
import torch

x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
y = x * 10
loss = (y**2).mean()
loss.backward()

print("x.is_leaf", x.is_leaf, " y.is_leaf", y.is_leaf)
print("x.grad   ", x.grad)
