"""The same calls in Python; CPython frees each result at the next assignment."""
import torch

from peer import OPTIONS, answer

CALLS = OPTIONS["calls"]
A = torch.tensor([1.0, 2.0, 3.0, 4.0])
B = torch.tensor([5.0, 6.0, 7.0, 8.0])
C = torch.tensor([9.0, 10.0, 11.0, 12.0])


def add():
    call, a, b = torch.add, A, B
    for _ in range(CALLS):
        call(a, b)


def addcmul():
    call, a, b, c = torch.addcmul, A, B, C
    for _ in range(CALLS):
        call(a, b, c, value=0.5)


def cat():
    call, a, b, c = torch.cat, A, B, C
    for _ in range(CALLS):
        call([a, b, c], dim=0)


def mlp_step():
    nn = torch.nn
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, foreach=OPTIONS["foreach"])
    x = torch.randn(32, 64)
    labels = torch.arange(32) % 64

    def run():
        for _ in range(CALLS):
            loss = nn.functional.cross_entropy(model(x), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return run


SAMPLE = {"add": lambda: add, "addcmul": lambda: addcmul, "cat": lambda: cat, "mlpStep": mlp_step}[OPTIONS["what"]]()
SAMPLE()
answer({"callsPerSample": CALLS}, SAMPLE)
