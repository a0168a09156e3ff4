# Fine-tuning: the first layer keeps what it has learned, only the last one trains.
# A frozen parameter gets no gradient, and nothing needs to be computed below it.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
for parameter in model[0].parameters():
    parameter.requires_grad_(False)

inputs = torch.randn(4, 6)
labels = torch.tensor([0, 2, 1, 2])
loss = nn.functional.cross_entropy(model(inputs), labels)
loss.backward()

for name, parameter in model.named_parameters():
    print(f"{name:9}", "frozen" if parameter.grad is None else f"gradient norm {parameter.grad.norm():.3f}")
