"""The same views with torchvision's PIL transforms: per image and view, then stacked to batches."""
import random

import numpy
import torch
from PIL import Image, ImageFilter
from torchvision import transforms

from peer import OPTIONS, answer

HEIGHT, WIDTH, IMAGES = OPTIONS["height"], OPTIONS["width"], OPTIONS["images"]
GLOBAL, LOCAL = OPTIONS["global"], OPTIONS["local"]
MEAN, STD = (0.485, 0.456, 0.406), (0.228, 0.224, 0.225)


def test_images():
    image, y, x, channel = numpy.ogrid[:IMAGES, :HEIGHT, :WIDTH, :3]
    return ((image * 37 + channel * 80 + y * 3 + x * 2 + (x * y) % 23) % 256).astype(numpy.uint8)


class GaussianBlur:
    """Pillow's blur with a standard deviation from [0.1, 2]."""

    def __call__(self, image):
        return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2.0)))


def pipeline(size, scale):
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(size, scale=scale),
            transforms.RandomHorizontalFlip(0.5),
            transforms.RandomApply([transforms.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8),
            transforms.RandomGrayscale(0.2),
            transforms.RandomApply([GaussianBlur()], p=0.5),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )


PIXELS = test_images()
VIEWS = [pipeline(kind["size"], kind["scale"]) for kind in (GLOBAL, LOCAL) for _ in range(kind["count"])]
SUMS = {"views": 0, "mean": 0.0, "square": 0.0}


def batch_of_views():
    rows = [[] for _ in VIEWS]
    for pixels in PIXELS:
        image = Image.fromarray(pixels)
        for row, view in zip(rows, VIEWS):
            row.append(view(image))
    return [torch.stack(row) for row in rows]


def add_statistics():
    for views in batch_of_views():
        SUMS["views"] += 1
        SUMS["mean"] += views.mean().item()
        SUMS["square"] += (views * views).mean().item()


def statistics():
    mean = SUMS["mean"] / SUMS["views"]
    return {"mean": mean, "deviation": (SUMS["square"] / SUMS["views"] - mean**2) ** 0.5}


torch.manual_seed(1)
random.seed(1)
for _ in range(OPTIONS["checkedBatches"]):
    add_statistics()
answer({}, batch_of_views, statistics)
