"""torch.add on four numbers; CPython frees each result at the next assignment."""
import torch

from peer import OPTIONS, answer

CALLS = OPTIONS["calls"]
A = torch.tensor([1.0, 2.0, 3.0, 4.0])
B = torch.tensor([5.0, 6.0, 7.0, 8.0])


def sample():
    add, a, b = torch.add, A, B
    for _ in range(CALLS):
        add(a, b)


sample()
answer({"callsPerSample": CALLS}, sample)
