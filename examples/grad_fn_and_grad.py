# Every computed tensor remembers who made it (grad_fn). The one you made yourself, a leaf, has none.
# It is the other way round with .grad: the leaf keeps it, the tensors on the way do not.
import torch

side = torch.tensor([1.5, 2.5], requires_grad=True)
area = (side * side).sum()
cost = area - 4

cost.backward()

print("side.grad_fn", side.grad_fn)
print("area.grad_fn", area.grad_fn)
print("cost.grad_fn", cost.grad_fn)
print("side.grad   ", side.grad)
