"""What a step of Suave and of Daino computes, from the method specification (sections 1, 2): losses, queue, teacher, center."""
import math

import torch
import torch.nn.functional as F

from gpu_networks import DinoNetwork, SwavNetwork


def soft_cross_entropy(targets, log_probs):
    return -(targets * log_probs).sum() / log_probs.shape[0]


def swapped(views, assignments, crops):
    """Every view against the assignments of each crop but its own."""
    everything = torch.stack(views).sum(0)
    losses = [soft_cross_entropy(q, everything - views[a]) for a, q in zip(crops, assignments)]
    return sum(losses) / (len(losses) * (len(views) - 1))


def momentum_at(base, step, total):
    return 1 + 0.5 * (base - 1) * (1 + math.cos(math.pi * step / total))


class Teacher:
    """Moving average of a network, over its parameters."""

    def __init__(self, network, student, options):
        self.network, self.options = network.requires_grad_(False).train(), options
        own = network.state_dict()
        network.load_state_dict({key: value for key, value in student.state_dict().items() if key in own})
        students = dict(student.named_parameters())
        pairs = [(p, students[name]) for name, p in network.named_parameters()]
        self.averaged, self.sources = [p for p, _ in pairs], [q.detach() for _, q in pairs]

    @torch.no_grad()
    def update(self, step):
        m = momentum_at(self.options["momentum"], step, self.options["totalSteps"])
        torch._foreach_mul_(self.averaged, m)
        torch._foreach_add_(self.averaged, self.sources, alpha=1 - m)


class Queue:
    """Embeddings of earlier steps, newest first, one row of storage per assignment crop."""

    def __init__(self, rows, dim, device):
        self.values = torch.zeros(2, rows, dim, device=device)
        self.filled = 0

    def push(self, crop, embeddings):
        self.values[crop] = torch.cat([embeddings, self.values[crop]])[: self.values.shape[1]]


class SuaveStep:
    def __init__(self, options, device):
        self.options = options
        self.network = SwavNetwork(options).to(device).train()
        self.rows = options["queue"] - options["queue"] % options["unlabeled"]
        self.queue = Queue(self.rows, options["outputDim"], device)
        self.teacher = None

    def start(self, device):
        """With its weights loaded."""
        if self.options["teacher"] is not None:
            network = SwavNetwork(self.options).to(device)
            del network.cls_heads
            self.teacher = Teacher(network, self.network, self.options["teacher"])

    def sinkhorn(self, scores):
        """Assignments in the log domain, the stable form that the specification recommends, in float32."""
        log_q = scores.float() / self.options["epsilon"]
        for _ in range(self.options["iterations"] - 1):
            log_q = F.log_softmax(log_q - torch.logsumexp(log_q, dim=0, keepdim=True), dim=1)
        return F.softmax(log_q - torch.logsumexp(log_q, dim=0, keepdim=True), dim=1)

    @torch.no_grad()
    def assignments(self, embeddings, logits, prototypes):
        batch, found = self.options["unlabeled"], []
        is_full = self.rows > 0 and self.queue.filled == self.rows
        for crop in range(2):
            scores = logits[crop]
            if is_full:
                scores = torch.cat([prototypes(self.queue.values[crop]).to(scores.dtype), scores])
            if self.rows > 0:
                self.queue.push(crop, embeddings[crop])
            found.append(self.sinkhorn(scores)[-batch:])
        self.queue.filled = min(self.rows, self.queue.filled + batch)
        return found

    def loss(self, batch, step):
        options, images, targets = self.options, batch["images"], batch["targets"]
        num_views, mixed = len(batch["views"]), batch["positions"]
        plain = [i for i in range(num_views) if i not in mixed]
        rows, num_labeled, labeled = options["unlabeled"], images.shape[0], options["labeled"]
        with torch.no_grad():
            for network in [self.network] + ([self.teacher.network] if self.teacher else []):
                network.prototypes.weight.copy_(F.normalize(network.prototypes.weight, dim=1))
        embeddings, logits, online = self.network([images, *batch["views"]], num_labeled)
        log_probs = F.log_softmax(logits.float() / options["temperature"], dim=1)
        views = log_probs[num_labeled:].chunk(num_views)

        with torch.no_grad():
            if self.teacher:
                z, o, _ = self.teacher.network([batch["views"][plain[0]], batch["views"][plain[1]]])
                q = self.assignments(z.chunk(2), o.chunk(2), self.teacher.network.prototypes)
            else:
                z, o = (x[num_labeled:].detach().chunk(num_views) for x in (embeddings, logits))
                crops = plain[:2]
                q = self.assignments([z[c] for c in crops], [o[c] for c in crops], self.network.prototypes)

        unlabeled = swapped([views[i] for i in plain], q, (0, 1))
        flipped = q[1].flip(0)
        losses = [soft_cross_entropy(s * q[0] + (1 - s) * flipped, views[i]) for i, s in zip(mixed, batch["shares"])]
        smoothing = options["labelSmoothing"]
        soft = targets * (1 - smoothing) + smoothing / options["classes"]
        supervised = soft_cross_entropy(soft, log_probs[:num_labeled])
        watched = sum(soft_cross_entropy(soft[:labeled], F.log_softmax(x[:labeled].float(), dim=1)) for x in online)
        total = rows * len(plain) + num_labeled + len(mixed)
        loss = rows * len(plain) * unlabeled + num_labeled * supervised + labeled * watched
        return (loss + len(mixed) * sum(losses) / max(1, len(mixed))) / total

    def after(self, step):
        if self.teacher:
            self.teacher.update(step)


class DainoStep:
    def __init__(self, options, device):
        self.options = options
        self.network = DinoNetwork(options, options["dropPath"]).to(device).train()
        self.center = torch.zeros(1, options["classes"], device=device)

    def start(self, device):
        """With its weights loaded."""
        network = DinoNetwork(self.options, 0.0).to(device)
        self.teacher = Teacher(network, self.network, self.options["teacher"])

    @torch.no_grad()
    def targets(self, views):
        scores = self.teacher.network(views).float()
        q = F.softmax((scores - self.center) / self.options["teacherTemperature"], dim=1)
        kept = self.options["centerMomentum"]
        self.center.mul_(kept).add_(scores.mean(0, keepdim=True), alpha=1 - kept)
        return q.chunk(2)

    def loss(self, batch, step):
        options, images = self.options, batch["images"]
        num_labeled, num_views = images.shape[0], len(batch["views"])
        q = self.targets(batch["views"][:2])
        logits = self.network([images, *batch["views"]])
        log_probs = F.log_softmax(logits.float() / options["temperature"], dim=1)
        unlabeled = swapped(log_probs[num_labeled:].chunk(num_views), q, (0, 1))
        smoothing = options["labelSmoothing"]
        soft = batch["targets"] * (1 - smoothing) + smoothing / options["classes"]
        supervised = soft_cross_entropy(soft, log_probs[:num_labeled])
        rows = options["unlabeled"] * num_views
        return (rows * unlabeled + num_labeled * supervised) / (rows + num_labeled)

    def after(self, step):
        self.teacher.update(step)


METHODS = {"suave": SuaveStep, "daino": DainoStep}
