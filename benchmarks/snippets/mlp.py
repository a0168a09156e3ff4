import torch
from torch import nn

torch.manual_seed(0)
layers = [layer for _ in range(25) for layer in (nn.Linear(64, 64), nn.ReLU())]
model = nn.Sequential(*layers, nn.Linear(64, 1))
loss = model(torch.randn(32, 64)).square().mean()
loss.backward()
