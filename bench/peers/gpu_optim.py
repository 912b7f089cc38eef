"""LARS in the three lines of the method specification that recipes use, over lists of tensors and without waiting for the device."""
import torch


class Lars(torch.optim.Optimizer):
    """LARS of Suave: d = trust |p| / (|g| + wd |p| + eps) (g + wd p)."""

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
            scales = torch.where(usable, rates, torch.ones_like(rates))
            decays = torch.where(usable, rates * group["weight_decay"], torch.zeros_like(rates))
            directions = torch._foreach_mul(grads, list(scales.unbind()))
            torch._foreach_add_(directions, torch._foreach_mul(params, list(decays.unbind())))
            if "momentum" not in self.state:
                self.state["momentum"] = directions
            else:
                torch._foreach_mul_(self.state["momentum"], group["momentum"])
                torch._foreach_add_(self.state["momentum"], directions)
            torch._foreach_add_(params, self.state["momentum"], alpha=-group["lr"])


def create_optimizer(network, options, device):
    """The optimizer of the recipe, its groups in the order regularized, not regularized."""
    if options["kind"] == "lars":
        assert options["form"] == "suave" and not options["clip"] and not options["excludeOneDimensional"]
        return Lars(
            network.parameters(), options["lr"], options["momentum"], options["weightDecay"], options["trust"], options["epsilon"]
        )
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    decays = [p for name, p in named if p.ndim > 1 and not name.endswith(".bias")]
    others = [p for name, p in named if p.ndim <= 1 or name.endswith(".bias")]
    groups = [{"params": decays, "weight_decay": options["weightDecay"]}, {"params": others, "weight_decay": 0.0}]
    fused = {"fused": True} if device.type == "cuda" else {}
    betas = (options["beta1"], options["beta2"])
    return torch.optim.AdamW(groups, lr=options["lr"], betas=betas, eps=options["epsilon"], **fused)
