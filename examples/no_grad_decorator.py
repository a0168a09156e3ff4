# As a decorator, torch.no_grad() covers the whole function, whoever calls it.
import torch


@torch.no_grad()
def predict(features):
    return features @ weights


weights = torch.tensor([0.25, -0.75], requires_grad=True)
recorded = torch.tensor([4.0, 2.0]) @ weights
quiet = predict(torch.tensor([4.0, 2.0]))

print("recorded.requires_grad", recorded.requires_grad)
print("quiet.requires_grad   ", quiet.requires_grad)
