"""What teachers paste to show models and training. Pure data."""

from __future__ import annotations

from typing import Final

from tests.functional.case import Case

MODELS: Final = (
    Case(
        "transformer",
        """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, words=20, width=16):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        layer = nn.TransformerEncoderLayer(width, 4, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, words)

    def forward(self, tokens):
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        return self.head(self.encoder(self.embedding(tokens), mask=mask, is_causal=True))

model = Tiny()
tokens = torch.randint(0, 20, (2, 6))
logits = model(tokens)
loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())
loss.backward()
print(logits.shape, all(p.grad is not None for p in model.parameters()))
model.eval()
with torch.no_grad():
    print(model(tokens).requires_grad)
""",
        node="EmbeddingBackward0",
        prints="torch.Size([2, 6, 20]) True\nFalse",
    ),
    Case(
        "attention by hand",
        """
import math, torch
q, k, v = (torch.randn(2, 3, 4, requires_grad=True) for _ in range(3))
weights = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(4), dim=-1)
(weights @ v).sum().backward()
flash = torch.nn.functional.scaled_dot_product_attention(q, k, v)
print(torch.allclose(flash, weights @ v, atol=1e-6), q.grad.shape)
""",
        node="SoftmaxBackward0",
        prints="True torch.Size([2, 3, 4])",
    ),
    Case(
        "LSTM and GRU",
        """
import torch
from torch import nn
lstm, gru = nn.LSTM(4, 5, num_layers=2, batch_first=True, bidirectional=True), nn.GRU(10, 3, batch_first=True)
x = torch.randn(2, 7, 4)
packed = nn.utils.rnn.pack_padded_sequence(x, [7, 5], batch_first=True)
out, (h, c) = lstm(packed)
out, lengths = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
out, last = gru(out)
last.sum().backward()
print(out.shape, lstm.weight_hh_l0.grad.shape)
""",
        node="StackBackward0",
        prints="torch.Size([2, 7, 3]) torch.Size([20, 5])",
    ),
    Case(
        "CNN in training and evaluation",
        """
import torch
from torch import nn
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5),
                    nn.Flatten(), nn.Linear(36, 3))
x, y = torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1])
net.train()
loss = nn.functional.cross_entropy(net(x), y)
loss.backward()
moved = net[1].running_mean.abs().sum().item() > 0
net.eval()
with torch.inference_mode():
    same = torch.equal(net(x), net(x))
print(moved, same)
""",
        node="ConvolutionBackward0",
        prints="True True",
    ),
    Case(
        "training loop with Adam, clipping and a scheduler",
        """
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
x = torch.randn(16, 3)
y = x @ torch.tensor([[1.0], [2.0], [3.0]])
losses = []
for epoch in range(6):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
print(losses[-1] < losses[0], scheduler.get_last_lr())
""",
        node="MseLossBackward0",
        prints="True [0.0125]",
    ),
    Case(
        "every optimizer",
        """
import torch
for name in ("SGD", "Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "ASGD"):
    w = torch.ones(2, requires_grad=True)
    optimizer = getattr(torch.optim, name)([w], lr=0.1)
    (w ** 2).sum().backward()
    optimizer.step()
    assert not torch.equal(w, torch.ones(2)), name
print("all moved")
""",
        node="PowBackward0",
        prints="all moved",
    ),
    Case(
        "every common scheduler",
        """
import torch
from torch.optim import lr_scheduler as s
for make in (lambda o: s.ExponentialLR(o, 0.9), lambda o: s.CosineAnnealingLR(o, 5),
             lambda o: s.LambdaLR(o, lambda n: 1 / (n + 1)),
             lambda o: s.OneCycleLR(o, 1.0, total_steps=9), lambda o: s.ReduceLROnPlateau(o, patience=0),
             lambda o: s.SequentialLR(o, [s.LinearLR(o), s.ConstantLR(o)], [2])):
    w = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    scheduler = make(optimizer)
    for _ in range(3):
        (w ** 2).sum().backward()
        optimizer.step()
        scheduler.step(1.0) if isinstance(scheduler, s.ReduceLROnPlateau) else scheduler.step()
    print(type(scheduler).__name__)
""",
        node="PowBackward0",
        prints="SequentialLR",
    ),
    Case(
        "LBFGS with a closure",
        """
import torch
w = torch.tensor([-1.0, 2.0], requires_grad=True)
optimizer = torch.optim.LBFGS([w], lr=1, max_iter=20, line_search_fn="strong_wolfe")

def closure():
    optimizer.zero_grad()
    loss = (1 - w[0]) ** 2 + 10 * (w[1] - w[0] ** 2) ** 2
    loss.backward()
    return loss

for _ in range(3):
    optimizer.step(closure)
print([round(v, 2) for v in w.tolist()])
""",
        node="SelectBackward0",
        prints="[1.0, 1.0]",
    ),
    Case(
        "DataLoader in the same process",
        """
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

class Squares(Dataset):
    def __len__(self):
        return 10
    def __getitem__(self, i):
        return torch.tensor([float(i)]), torch.tensor([float(i * i)])

model = torch.nn.Linear(1, 1)
train, held_out = random_split(Squares(), [8, 2])
for x, y in DataLoader(train, batch_size=4, shuffle=True, num_workers=0):
    torch.nn.functional.mse_loss(model(x), y).backward()
print(x.shape, len(DataLoader(TensorDataset(torch.ones(9, 1)), batch_size=2)), len(held_out))
""",
        node="MseLossBackward0",
        prints="torch.Size([4, 1]) 5 2",
    ),
    Case(
        "parametrizations and norms of weights",
        """
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import orthogonal, spectral_norm, weight_norm

class Symmetric(nn.Module):
    def forward(self, w):
        return w.triu() + w.triu(1).transpose(-1, -2)

layers = [weight_norm(nn.Linear(3, 3)), spectral_norm(nn.Linear(3, 3)), orthogonal(nn.Linear(3, 3)), nn.Linear(3, 3)]
parametrize.register_parametrization(layers[3], "weight", Symmetric())
nn.Sequential(*layers)(torch.randn(2, 3)).sum().backward()
print(torch.equal(layers[3].weight, layers[3].weight.T), layers[0].parametrizations.weight.original0.grad.shape)
""",
        node="WeightNormInterfaceBackward0",
        prints="True torch.Size([3, 1])",
    ),
    Case(
        "weight_norm of old",
        """
import torch, warnings
warnings.simplefilter("ignore")
layer = torch.nn.utils.weight_norm(torch.nn.Linear(3, 2))
layer(torch.ones(1, 3)).sum().backward()
print(layer.weight_g.grad.shape)
""",
        prints="torch.Size([2, 1])",
    ),
    Case(
        "VAE",
        """
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
encoder, decoder = nn.Linear(4, 4), nn.Linear(2, 4)
x = torch.rand(3, 4)
mean, log_deviation = encoder(x).chunk(2, dim=1)
posterior = Normal(mean, log_deviation.exp())
z = posterior.rsample()
loss = nn.functional.binary_cross_entropy_with_logits(decoder(z), x) + kl_divergence(posterior, Normal(0.0, 1.0)).mean()
loss.backward()
print(encoder.weight.grad.shape)
""",
        node="SplitBackward0",
        prints="torch.Size([4, 4])",
    ),
    Case(
        "GAN with two optimizers",
        """
import torch
from torch import nn
generator, critic = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(), nn.Linear(4, 1))
g, d = torch.optim.Adam(generator.parameters()), torch.optim.Adam(critic.parameters())
bce = nn.BCEWithLogitsLoss()
for _ in range(2):
    real, fake = torch.randn(4, 2), generator(torch.randn(4, 2))
    d.zero_grad()
    (bce(critic(real), torch.ones(4, 1)) + bce(critic(fake.detach()), torch.zeros(4, 1))).backward()
    d.step()
    g.zero_grad()
    bce(critic(fake), torch.ones(4, 1)).backward()
    g.step()
print(generator.weight.grad is not None)
""",
        node="LeakyReluBackward0",
        prints="True",
    ),
    Case(
        "quantization",
        """
import torch, warnings
from torch import nn
warnings.simplefilter("ignore")
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
quantized = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
print(quantized(torch.ones(1, 4)).shape, type(quantized[0]).__module__.split(".")[-1])
""",
        prints="torch.Size([1, 2])",
    ),
    Case(
        "policy gradient",
        """
import torch
from torch.distributions import Categorical
logits = torch.zeros(3, requires_grad=True)
policy = Categorical(logits=logits)
action = policy.sample((5,))
(-policy.log_prob(action) * (action == 1)).sum().backward()
print(logits.grad.shape, policy.entropy().item() > 1)
""",
        node="GatherBackward0",
        prints="torch.Size([3]) True",
    ),
    Case(
        "distributions",
        """
import torch
from torch import distributions as d
rate = torch.tensor(2.0, requires_grad=True)
for each in (d.Normal(rate, 1.0), d.Gamma(rate, 1.0), d.Beta(rate, rate), d.Exponential(rate), d.Laplace(rate, 1.0),
             d.MultivariateNormal(torch.zeros(2), rate * torch.eye(2)), d.Dirichlet(rate.expand(3)),
             d.TransformedDistribution(d.Normal(rate, 1.0), [d.transforms.ExpTransform()])):
    each.rsample().sum().backward()
    print(type(each).__name__, bool(rate.grad.isfinite()))
""",
        prints="TransformedDistribution True",
    ),
    Case(
        "state_dict there and back",
        """
import copy, torch
from torch import nn
model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
other = copy.deepcopy(model)
print(other.load_state_dict(model.state_dict()), sum(p.numel() for p in other.parameters()))
other(torch.ones(1, 2)).sum().backward()
""",
        node="TanhBackward0",
        prints="<All keys matched successfully> 6",
    ),
    Case(
        "initialization, ModuleList and a frozen part",
        """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.scale = nn.ParameterDict({"a": nn.Parameter(torch.ones(1))})
        self.register_buffer("shift", torch.zeros(3))

    def forward(self, x):
        for layer in self.layers:
            x = nn.functional.gelu(layer(x)) + x
        return x * self.scale["a"] + self.shift

net = Net()
net.layers[0].requires_grad_(False)
net(torch.randn(2, 3)).mean().backward()
print(net)
print(net.layers[0].weight.grad)
""",
        node="GeluBackward0",
        prints="None",
    ),
)
