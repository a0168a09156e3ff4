# A small image classifier: convolution, pooling, convolution, pooling, one linear layer.
import torch
from torch import nn

model = nn.Sequential(
    nn.Conv2d(1, 4, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(4, 8, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(8, 10),
)

images = torch.rand(5, 1, 12, 12)
digits = torch.tensor([3, 1, 4, 1, 5])

scores = model(images)
loss = nn.functional.cross_entropy(scores, digits)
loss.backward()
print("scores", tuple(scores.shape), "loss", round(loss.item(), 4))
