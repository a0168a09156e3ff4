# dot(speed, speed) uses the tensor twice, so two edges lead down to it,
# and each brings its own share of the gradient. Together: 0.5 * 2 * speed.
import torch

speed = torch.tensor([3.0, 4.0], requires_grad=True)
energy = 0.5 * torch.dot(speed, speed)
energy.backward()

print("speed.grad", speed.grad)
print("as expected", torch.equal(speed.grad, speed))
