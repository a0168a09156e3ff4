# Six encoder layers, as in the first transformer, only narrower: more than three hundred nodes.
import torch
from torch import nn

encoder = nn.TransformerEncoder(
    nn.TransformerEncoderLayer(d_model=16, nhead=2, dim_feedforward=32, dropout=0.0, batch_first=True),
    num_layers=6,
    enable_nested_tensor=False,
)
words = torch.randn(2, 7, 16)
target = torch.randn(2, 7, 16)

loss = (encoder(words) - target).norm()
loss.backward()

print("loss", round(loss.item(), 3))
print("parameters", sum(parameter.numel() for parameter in encoder.parameters()))
