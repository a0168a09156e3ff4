# Two hidden layers. Select a node to see the layer and the line that it comes from.
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 16)
        self.second = nn.Linear(16, 16)
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = torch.relu(self.second(x))
        return self.last(x)


model = Classifier()
points = torch.randn(32, 8)
labels = torch.randint(0, 3, (32,))

loss = nn.functional.cross_entropy(model(points), labels)
loss.backward()
print("loss", round(loss.item(), 4))
