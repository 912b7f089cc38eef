"""Views of a batch made on the device, all views of one kind in one go: what one writes for a GPU in eager PyTorch.

Random numbers are drawn on the host, so that nothing waits for the device; images are cut with grid_sample, colors are changed
for all samples at once with a factor for each, blur touches only the samples that it was drawn for. One order of the four jitter
operations for a batch, as the batched libraries do; no antialiasing (our side has it).
"""
import math

import torch
import torch.nn.functional as F

TRIES = 10
GRAY = (0.299, 0.587, 0.114)


def draw_crops(count, height, width, scale, ratio):
    """Top, left, height and width of torchvision's RandomResizedCrop for `count` samples, each [count] on the host."""
    area = height * width * torch.empty(count, TRIES).uniform_(*scale)
    aspect = torch.exp(torch.empty(count, TRIES).uniform_(math.log(ratio[0]), math.log(ratio[1])))
    w = torch.round(torch.sqrt(area * aspect))
    h = torch.round(torch.sqrt(area / aspect))
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first = fits.float().argmax(dim=1, keepdim=True)
    side = min(height, width)
    found = fits.any(dim=1)
    w = torch.where(found, w.gather(1, first)[:, 0], torch.tensor(float(side)))
    h = torch.where(found, h.gather(1, first)[:, 0], torch.tensor(float(side)))
    top = torch.floor(torch.rand(count) * (height - h + 1))
    left = torch.floor(torch.rand(count) * (width - w + 1))
    return top, left, h, w


def draw_factors(count, jitter):
    """Brightness, contrast, saturation (1 = unchanged) and hue (0 = unchanged), each [count] on the host."""
    if jitter is None:
        return None
    applied = (torch.rand(count) < jitter["prob"]).float()

    def around_one(strength):
        drawn = torch.empty(count).uniform_(max(0.0, 1 - strength), 1 + strength)
        return 1 + applied * (drawn - 1)

    hue = applied * torch.empty(count).uniform_(-jitter["hue"], jitter["hue"])
    return [around_one(jitter[name]) for name in ("brightness", "contrast", "saturation")] + [hue]


def gray(images):
    r, g, b = images.unbind(1)
    return (GRAY[0] * r + GRAY[1] * g + GRAY[2] * b).unsqueeze(1)


def blend(images, other, factor):
    return torch.lerp(other.expand_as(images), images, factor).clamp_(0, 1)


def rotate_hue(images, turn):
    """Adds `turn` (fraction of the circle) to the hue: RGB to HSV and back, as torchvision does it for one factor."""
    r, g, b = images.unbind(1)
    high, low = images.amax(1), images.amin(1)
    spread = high - low
    flat = spread == 0
    divisor = torch.where(flat, torch.ones_like(spread), spread)
    saturation = spread / torch.where(flat, torch.ones_like(high), high)
    rc, gc, bc = (high - r) / divisor, (high - g) / divisor, (high - b) / divisor
    hue = torch.where(high == r, bc - gc, torch.where(high == g, 2 + rc - bc, 4 + gc - rc))
    hue = torch.remainder(hue / 6 + 1 + turn, 1)
    sector = torch.floor(hue * 6)
    part = hue * 6 - sector
    p = high * (1 - saturation)
    q = high * (1 - saturation * part)
    t = high * (1 - saturation * (1 - part))
    index = (sector.long() % 6).unsqueeze(1)
    red = torch.stack([high, q, p, p, t, high], 1).gather(1, index)
    green = torch.stack([t, high, high, q, p, p], 1).gather(1, index)
    blue = torch.stack([p, p, t, high, high, q], 1).gather(1, index)
    return torch.cat([red, green, blue], 1)


def blur(images, sigma):
    """Gaussian blur, one sigma for each sample: two depthwise convolutions."""
    count, channels, side, _ = images.shape
    radius = max(1, min(side // 2 - 1, math.ceil(2 * float(sigma.max()))))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weights = torch.exp(-(offsets**2) / (2 * sigma[:, None] ** 2))
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    weights = to_device(weights, images)
    flat = images.reshape(1, count * channels, side, side)
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), weights[:, None, :, None], groups=count * channels)
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), weights[:, None, None, :], groups=count * channels)
    return flat.reshape(images.shape)


def to_device(values, like):
    """Copies from the host without waiting."""
    if like.is_cuda:
        return values.pin_memory().to(like.device, non_blocking=True)
    return values


class View:
    """All views of one kind."""

    def __init__(self, spec, device):
        self.spec = spec
        shape = (1, 3, 1, 1)
        self.mean = torch.tensor(spec["mean"], device=device).reshape(shape)
        self.std = torch.tensor(spec["std"], device=device).reshape(shape)

    def cut(self, images):
        """float32 images [N, 3, H, W] in [0, 1] -> [count * N, 3, size, size], one view after the other."""
        spec, (count, _, height, width) = self.spec, images.shape
        total = count * spec["count"]
        top, left, h, w = draw_crops(total, height, width, spec["scale"], spec["ratio"])
        flip = torch.where(torch.rand(total) < spec["flipProb"], -1.0, 1.0)
        theta = torch.zeros(total, 2, 3)
        theta[:, 0, 0] = flip * w / width
        theta[:, 0, 2] = (2 * left + w) / width - 1
        theta[:, 1, 1] = h / height
        theta[:, 1, 2] = (2 * top + h) / height - 1
        theta = to_device(theta, images)
        size, mode = spec["size"], spec["interpolation"]
        views = []
        for part in theta.chunk(spec["count"]):
            grid = F.affine_grid(part, (count, 3, size, size), align_corners=False)
            views.append(F.grid_sample(images, grid, mode=mode, padding_mode="border", align_corners=False))
        views = torch.cat(views)
        return views.clamp_(0, 1) if mode == "bicubic" else views

    def color(self, views):
        spec, total = self.spec, views.shape[0]
        factors = draw_factors(total, spec["jitter"])
        if factors is not None:
            brightness, contrast, saturation, hue = to_device(torch.stack(factors), views)[:, :, None, None, None].unbind(0)
            for operation in torch.randperm(4).tolist():
                if operation == 0:
                    views = (views * brightness).clamp_(0, 1)
                elif operation == 1:
                    views = blend(views, gray(views).mean((2, 3), keepdim=True), contrast)
                elif operation == 2:
                    views = blend(views, gray(views), saturation)
                elif spec["jitter"]["hue"] > 0:
                    views = rotate_hue(views, hue[:, :, :, 0])
        if spec["grayProb"] > 0:
            keep = (torch.rand(total) >= spec["grayProb"]).float()
            views = torch.lerp(gray(views).expand_as(views), views, to_device(keep, views)[:, None, None, None])
        if spec["blur"] is not None:
            rows = (torch.rand(total) < spec["blur"]["prob"]).nonzero()[:, 0]
            if len(rows) > 0:
                sigma = torch.empty(len(rows)).uniform_(*spec["blur"]["sigma"])
                rows = to_device(rows, views)
                views = views.index_copy(0, rows, blur(views[rows], sigma))
        if spec["solarize"] is not None:
            chosen = to_device(torch.rand(total) < spec["solarize"]["prob"], views)[:, None, None, None]
            views = torch.where(chosen & (views >= spec["solarize"]["threshold"] / 255), 1 - views, views)
        return views

    def __call__(self, images):
        views = self.color(self.cut(images))
        return ((views - self.mean) / self.std).chunk(self.spec["count"])


def draw_mix(mixing, side):
    """Lambda and the box of a CutMix, or None for MixUp; one draw for a batch."""
    share = float(torch.distributions.Beta(mixing["beta"], mixing["beta"]).sample())
    if float(torch.rand(())) >= mixing["cutmixProb"]:
        return share, None
    half = int(side * math.sqrt(1 - share)) // 2
    cy, cx = (int(torch.randint(side, ())) for _ in range(2))
    box = [max(0, cy - half), min(side, cy + half), max(0, cx - half), min(side, cx + half)]
    return 1 - (box[1] - box[0]) * (box[3] - box[2]) / side**2, box


def mix(first, second, drawn):
    """`first` with `second` of the reversed batch."""
    share, box = drawn
    reversed_batch = second.flip(0)
    if box is None:
        return torch.lerp(reversed_batch, first, share)
    mixed = first.clone()
    top, bottom, left, right = box
    mixed[:, :, top:bottom, left:right] = reversed_batch[:, :, top:bottom, left:right]
    return mixed


class Batches:
    """Batches from images that stay on the device as uint8 [count, 3, H, W]."""

    def __init__(self, options, images, labels):
        self.options, self.images, self.labels = options, images, labels
        self.unlabeled = [View(spec, images.device) for spec in options["views"]["unlabeled"]]
        self.labeled = View(options["views"]["labeled"], images.device)

    def choose(self, count):
        rows = torch.randint(len(self.images), (count,))
        return to_device(rows, self.images)

    def __call__(self):
        mixing, classes = self.options["mixing"], self.options["classes"]
        pixels = self.images[self.choose(self.options["unlabeled"])].float().div_(255)
        views = [view for kind in self.unlabeled for view in kind(pixels)]
        inputs, positions, shares = [], [], []
        pairs = {"none": 0, "globals": 1, "all": len(views) // 2}[mixing["unlabeled"]]
        for i in range(0, len(views), 2):
            inputs += views[i : i + 2]
            if i // 2 < pairs:
                drawn = draw_mix(mixing, views[i].shape[-1])
                positions.append(len(inputs))
                shares.append(drawn[0])
                inputs.append(mix(views[i], views[i + 1], drawn))
        rows = self.choose(self.options["labeled"])
        (images,) = self.labeled(self.images[rows].float().div_(255))
        targets = F.one_hot(self.labels[rows], classes).float()
        drawn = draw_mix(mixing, images.shape[-1])
        mixed = torch.lerp(targets.flip(0), targets, drawn[0])
        return {
            "images": torch.cat([images, mix(images, images, drawn)]),
            "targets": torch.cat([targets, mixed]),
            "views": inputs,
            "positions": positions,
            "shares": shares,
        }
