import torch
from torch import nn

torch.manual_seed(0)
cell = nn.RNNCell(16, 32)
h = torch.zeros(4, 32)
for step in torch.randn(200, 4, 16):
    h = cell(step, h)
loss = h.square().mean()
loss.backward()
