# detach() gives the same numbers without their history. The decoder below learns from `fixed`,
# but no gradient can get past it: encoder.grad stays None.
import torch

encoder = torch.tensor([0.6, -0.2], requires_grad=True)
decoder = torch.tensor([1.5, 0.5], requires_grad=True)

features = torch.tanh(encoder * 2)
fixed = features.detach()
loss = ((fixed * decoder).sum() - 1) ** 2
loss.backward()

print("features.requires_grad", features.requires_grad)
print("fixed.requires_grad   ", fixed.requires_grad)
print("decoder.grad", decoder.grad)
print("encoder.grad", encoder.grad)
