# backward() adds to .grad, it does not replace it. After two steps without zero_grad()
# the gradient is the sum of both: 6 + 6 = 12, although nothing else has changed.
import torch

w = torch.tensor(3.0, requires_grad=True)

for step in (1, 2):
    loss = w**2
    loss.backward()
    print(f"after step {step}: w.grad = {w.grad.item()}")
