# Gradients flow through y, but only leaves keep theirs: y.grad is None, and PyTorch warns.
# Add the line  y.retain_grad()  below the one that makes y and run again.
import torch

x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
y = x * 10
loss = (y**2).mean()
loss.backward()

print("x.grad", x.grad)
print("y.grad", y.grad)
