# The first backward() frees what the graph had saved; the second finds it gone.
# Often the two calls share a part by accident, here `features`, made once outside the loop.
import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
features = torch.sigmoid(w)

for scale in (1.0, 10.0):
    loss = (features * scale).sum()
    loss.backward()
    print("scale", scale, "w.grad", w.grad)
