# Inside torch.no_grad() PyTorch computes but does not record.
# `price` needs a gradient, `quote` was made from it and does not: the way back is cut there.
import torch

price = torch.tensor([12.0, 7.5], requires_grad=True)

with torch.no_grad():
    quote = price * 1.19

print("price.requires_grad", price.requires_grad)
print("quote.requires_grad", quote.requires_grad)
