# A share below zero slipped in. Its logarithm is NaN (not a number), and NaN spreads:
# to the loss, and back into the gradient. Which operation was the first to go wrong?
import torch

share = torch.tensor([0.9, 0.4, -0.1], requires_grad=True)

logs = torch.log(share)
entropy = -(share * logs).sum()
entropy.backward()

print("entropy   ", entropy.item())
print("share.grad", share.grad)
