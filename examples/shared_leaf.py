# The same weight is used in three places. Each place sends its own gradient back,
# and they are added up in w.grad: 1 + 2w + 3w**2.
import torch

w = torch.tensor(2.0, requires_grad=True)

straight = w
bent = w * w
curved = w**3
loss = straight + bent + curved
loss.backward()

print("w.grad", w.grad.item(), "= 1 + 4 + 12")
