import torch

x = torch.ones(8, requires_grad=True)
y = x
for _ in range(1000):
    y = y * 1.001
loss = y.sum()
loss.backward()
