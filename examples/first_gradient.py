# One layer with two outputs, and how wrong it is. backward() asks every number in w and b:
# "if you grew a little, how would the loss change?"
import torch
import torch.nn.functional as F

x = torch.tensor([0.5, -1.0, 2.0])
target = torch.tensor([1.0, 0.0])

w = torch.tensor([[0.2, -0.4], [0.7, 0.1], [-0.3, 0.5]], requires_grad=True)
b = torch.zeros(2, requires_grad=True)

logits = x @ w + b
loss = F.binary_cross_entropy_with_logits(logits, target)
loss.backward()

print("loss  ", loss.item())
print("w.grad", w.grad)
print("b.grad", b.grad)
