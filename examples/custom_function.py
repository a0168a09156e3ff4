# Your own operation with your own gradient rule: forward rounds, backward pretends it did not
# (a "straight-through" estimator). round() itself would send back a gradient of zero.
import torch


class RoundStraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


x = torch.tensor([0.2, 1.7, -2.6], requires_grad=True)
rounded = RoundStraightThrough.apply(x)
loss = (rounded * torch.tensor([1.0, 2.0, 3.0])).sum()
loss.backward()

print("rounded", rounded.tolist())
print("x.grad ", x.grad.tolist())
