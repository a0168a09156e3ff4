# Six encoder layers, as in the first transformer, only narrower: more than three hundred nodes.
import torch
from torch import nn

layer = nn.TransformerEncoderLayer(d_model=16, nhead=2, dim_feedforward=32, dropout=0.0, batch_first=True)
encoder = nn.TransformerEncoder(layer, num_layers=6, enable_nested_tensor=False)
words = torch.randn(2, 7, 16)

loss = encoder(words).pow(2).mean()
loss.backward()

parameters = list(encoder.parameters())
print(len(parameters), "parameters,", sum(p.numel() for p in parameters), "numbers")
