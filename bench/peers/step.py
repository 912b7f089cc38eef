"""A Suave step in eager PyTorch, from the method specification (sections 1 and 7.2), as its authors' readers would write it.

Same weights, same batch and same arithmetic as bench/ours/step.mjs: prototypes scaled to unit length, one backbone call
per run of equal sizes, Sinkhorn-Knopp with a queue, swapped, mixed, supervised and online losses, LARS.
"""
import json
import math
import struct

import numpy
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from peer import OPTIONS, answer

HYPER = OPTIONS["hyper"]
BATCH, LABELED, CLASSES = OPTIONS["unlabeled"], OPTIONS["labeled"], OPTIONS["classes"]
NUM_VIEWS = OPTIONS["numViews"]
MIXED = dict(zip(OPTIONS["mixedPositions"], OPTIONS["mixedLambdas"]))
PLAIN = [i for i in range(NUM_VIEWS) if i not in MIXED]
SINKHORN_ITERATIONS = 3


def read_safetensors(path):
    types = {"F32": numpy.float32, "F64": numpy.float64, "I64": numpy.int64}
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        values = numpy.frombuffer(data[start:end], dtype=types[entry["dtype"]])
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return tensors


class SwavNetwork(nn.Module):
    """ResNet-18 with CIFAR stem, projection head, prototypes, online heads; returns rows of all inputs."""

    def __init__(self):
        super().__init__()
        backbone = torchvision.models.resnet18(weights=None)
        backbone.conv1 = nn.Conv2d(3, 64, 3, stride=1, padding=1, bias=False)
        backbone.maxpool = nn.Identity()
        backbone.fc = nn.Identity()
        self.backbone = backbone
        self.projection_head = nn.ModuleList(
            [nn.Sequential(nn.Linear(512, 2048), nn.BatchNorm1d(2048)), nn.Linear(2048, 128)]
        )
        self.cls_heads = nn.ModuleList([nn.Linear(width, CLASSES) for width in (512, 2048, 128)])
        self.prototypes = nn.Linear(128, CLASSES, bias=False)

    def forward(self, inputs, num_labeled):
        features, start = [], 0
        while start < len(inputs):
            end = start + 1
            while end < len(inputs) and inputs[end].shape[-1] == inputs[start].shape[-1]:
                end += 1
            features.append(self.backbone(torch.cat(inputs[start:end])))
            start = end
        features = torch.cat(features)
        hidden = F.relu(self.projection_head[0](features), inplace=True)
        output = self.projection_head[1](hidden)
        embeddings = F.normalize(output, dim=1)
        watched = (features, hidden, output)
        online = [head(x[:num_labeled].detach()) for head, x in zip(self.cls_heads, watched)]
        return embeddings, self.prototypes(embeddings), online


class Lars(torch.optim.Optimizer):
    """LARS of Suave over lists of tensors: d = trust * |p| / (|g| + wd |p| + eps) * (g + wd p)."""

    def __init__(self, parameters, lr, momentum, weight_decay, trust=0.001, eps=1e-8):
        super().__init__(parameters, dict(lr=lr, momentum=momentum, weight_decay=weight_decay, trust=trust, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            grads = [p.grad for p in params]
            param_norms = torch.stack(torch._foreach_norm(params))
            grad_norms = torch.stack(torch._foreach_norm(grads))
            rates = group["trust"] * param_norms / (grad_norms + group["weight_decay"] * param_norms + group["eps"])
            usable = (param_norms != 0) & (grad_norms != 0)
            scales = torch.where(usable, rates, torch.ones_like(rates)).tolist()
            decays = torch.where(usable, rates * group["weight_decay"], torch.zeros_like(rates)).tolist()
            directions = torch._foreach_mul(grads, scales)
            torch._foreach_add_(directions, torch._foreach_mul(params, decays))
            if "momentum" not in self.state:
                self.state["momentum"] = directions
            else:
                torch._foreach_mul_(self.state["momentum"], group["momentum"])
                torch._foreach_add_(self.state["momentum"], directions)
            torch._foreach_add_(params, self.state["momentum"], alpha=-group["lr"])


class Queue:
    """Embeddings of earlier steps, newest first, one row of storage per assignment crop."""

    def __init__(self, rows, dim):
        self.values = torch.zeros(2, rows, dim)
        self.filled = 0

    def is_full(self):
        return self.filled == self.values.shape[1]

    def push(self, crop, embeddings):
        self.values[crop] = torch.cat([embeddings, self.values[crop]])[: self.values.shape[1]]


def sinkhorn(scores):
    """Assignments in the log domain, the stable form that the specification recommends."""
    log_q = scores / HYPER["epsilon"]
    for _ in range(SINKHORN_ITERATIONS - 1):
        log_q = F.log_softmax(log_q - torch.logsumexp(log_q, dim=0, keepdim=True), dim=1)
    return F.softmax(log_q - torch.logsumexp(log_q, dim=0, keepdim=True), dim=1)


def soft_cross_entropy(targets, log_probs):
    return -(targets * log_probs).sum() / log_probs.shape[0]


TENSORS = read_safetensors(OPTIONS["file"])
NETWORK = SwavNetwork()
OWN_KEYS = ("projection_head", "cls_heads", "prototypes")
STATE = {key[len("model."):]: value for key, value in TENSORS.items() if key.startswith("model.")}
NETWORK.load_state_dict({key if key.startswith(OWN_KEYS) else f"backbone.{key}": value for key, value in STATE.items()})
NETWORK.train()
OPTIMIZER = Lars(NETWORK.parameters(), HYPER["lr"], HYPER["momentum"], HYPER["weightDecay"])
QUEUE = Queue(OPTIONS["queue"] - OPTIONS["queue"] % BATCH, 128)
IMAGES, TARGETS = TENSORS["labeled.images"], TENSORS["labeled.targets"]
VIEWS = [TENSORS[f"view.{i}"] for i in range(NUM_VIEWS)]
LOSS_SUM = torch.zeros((), dtype=torch.float64)


def train_step():
    for group in OPTIMIZER.param_groups:
        group["lr"] = HYPER["lr"]
    with torch.no_grad():
        weight = NETWORK.prototypes.weight
        weight.copy_(F.normalize(weight, dim=1))
    num_labeled = IMAGES.shape[0]
    embeddings, logits, online = NETWORK([IMAGES, *VIEWS], num_labeled)
    log_probs = F.log_softmax(logits / HYPER["temperature"], dim=1)
    views = log_probs[num_labeled:].chunk(NUM_VIEWS)

    with torch.no_grad():
        assignments = []
        view_logits = logits[num_labeled:].detach().chunk(NUM_VIEWS)
        view_embeddings = embeddings[num_labeled:].detach().chunk(NUM_VIEWS)
        is_full = QUEUE.is_full()
        for crop in range(2):
            scores = view_logits[PLAIN[crop]]
            if is_full:
                scores = torch.cat([NETWORK.prototypes(QUEUE.values[crop]), scores])
            QUEUE.push(crop, view_embeddings[PLAIN[crop]])
            assignments.append(sinkhorn(scores)[-BATCH:])
        QUEUE.filled = min(QUEUE.values.shape[1], QUEUE.filled + BATCH)

    unlabeled = 0
    for crop, target in enumerate(assignments):
        others = [views[v] for v in PLAIN if v != PLAIN[crop]]
        unlabeled = unlabeled + soft_cross_entropy(target, torch.stack(others).sum(0)) / len(others)
    unlabeled = unlabeled / len(assignments)
    mixed = 0
    for position, weight in MIXED.items():
        target = weight * assignments[0] + (1 - weight) * assignments[1].flip(0)
        mixed = mixed + soft_cross_entropy(target, views[position]) / len(MIXED)
    smoothing = HYPER["labelSmoothing"]
    targets = TARGETS * (1 - smoothing) + smoothing / CLASSES
    labeled = soft_cross_entropy(targets, log_probs[:num_labeled])
    watched = sum(soft_cross_entropy(targets[:LABELED], F.log_softmax(x[:LABELED], dim=1)) for x in online)

    rows = BATCH * len(PLAIN)
    total = rows + num_labeled + len(MIXED)
    loss = (rows * unlabeled + num_labeled * labeled + len(MIXED) * mixed + LABELED * watched) / total
    LOSS_SUM.add_(loss.detach())
    loss.backward()
    OPTIMIZER.step()
    OPTIMIZER.zero_grad(set_to_none=True)


LOSSES = []
for _ in range(OPTIONS["checkedSteps"]):
    before = LOSS_SUM.item()
    train_step()
    LOSSES.append(LOSS_SUM.item() - before)
    if not math.isfinite(LOSSES[-1]):
        raise SystemExit("bench: the loss of the peer is not a number")
for _ in range(OPTIONS["warmUpSteps"] - OPTIONS["checkedSteps"]):
    train_step()
answer({"losses": LOSSES}, train_step)
