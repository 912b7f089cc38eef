"""The networks of a Suave and of a Daino step from the parts of torchvision and timm, with our names of the weights."""
from functools import partial

import torch
import torch.nn.functional as F
import torchvision
from torch import nn


def resnet(arch, stem):
    backbone = getattr(torchvision.models, arch)(weights=None)
    if stem == "cifar":
        backbone.conv1 = nn.Conv2d(3, 64, 3, stride=1, padding=1, bias=False)
        backbone.maxpool = nn.Identity()
    width = backbone.fc.in_features
    backbone.fc = nn.Identity()
    return backbone, width


class Transformer(nn.Module):
    """timm's vision transformer; its position encoding is resampled as DINO does it."""

    def __init__(self, image_size, patch_size, drop_path):
        super().__init__()
        from timm.models.vision_transformer import VisionTransformer

        self.vit = VisionTransformer(
            img_size=image_size, patch_size=patch_size, embed_dim=384, depth=12, num_heads=6, qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6), num_classes=0, drop_path_rate=drop_path, dynamic_img_size=True,
        )
        self.patch_size, self.grid = patch_size, image_size // patch_size

    def positions(self, rows, columns):
        stored = self.vit.pos_embed
        if rows == columns == self.grid:
            return stored
        grid = stored[:, 1:].reshape(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
        scale = ((rows + 0.1) / self.grid, (columns + 0.1) / self.grid)
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic", recompute_scale_factor=False)
        return torch.cat([stored[:, :1], grid.permute(0, 2, 3, 1).reshape(1, rows * columns, -1)], 1)

    def forward(self, images):
        rows, columns = images.shape[2] // self.patch_size, images.shape[3] // self.patch_size
        patches = self.vit.patch_embed(images).flatten(1, 2)
        tokens = torch.cat([self.vit.cls_token.expand(len(images), -1, -1), patches], 1)
        tokens = tokens + self.positions(rows, columns)
        for block in self.vit.blocks:
            tokens = block(tokens)
        return self.vit.norm(tokens[:, 0])


def runs_of_equal_width(inputs):
    start = 0
    while start < len(inputs):
        end = start + 1
        while end < len(inputs) and inputs[end].shape[-1] == inputs[start].shape[-1]:
            end += 1
        yield torch.cat(inputs[start:end])
        start = end


class SwavNetwork(nn.Module):
    """Backbone, projection head, prototypes, online heads; returns rows of all inputs."""

    def __init__(self, options):
        super().__init__()
        self.backbone, width = resnet(options["arch"], options["stem"])
        (hidden,), size, classes = options["hidden"], options["outputDim"], options["classes"]
        self.projection_head = nn.ModuleList(
            [nn.Sequential(nn.Linear(width, hidden), nn.BatchNorm1d(hidden)), nn.Linear(hidden, size)]
        )
        self.cls_heads = nn.ModuleList([nn.Linear(w, classes) for w in (width, hidden, size)])
        self.prototypes = nn.Linear(size, classes, bias=False)

    @staticmethod
    def key(name):
        return name if name.startswith(("projection_head", "cls_heads", "prototypes")) else f"backbone.{name}"

    def forward(self, inputs, num_labeled=0):
        features = torch.cat([self.backbone(images) for images in runs_of_equal_width(inputs)])
        hidden = F.relu(self.projection_head[0](features), inplace=True)
        output = self.projection_head[1](hidden)
        embeddings = F.normalize(output.float(), dim=1)
        watched = (features, hidden, output)
        online = [head(x[:num_labeled].detach()) for head, x in zip(self.cls_heads, watched)] if num_labeled else []
        return embeddings, self.prototypes(embeddings), online


class DinoHead(nn.Module):
    def __init__(self, width, head, classes):
        super().__init__()
        hidden, bottleneck = head["hiddenDim"], head["bottleneckDim"]
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, bottleneck)
        )
        self.last_layer = nn.utils.weight_norm(nn.Linear(bottleneck, classes, bias=False))

    def forward(self, features):
        return self.last_layer(F.normalize(self.mlp(features).float(), dim=1))


class DinoNetwork(nn.Module):
    """Backbone and DINO head; returns scores of all inputs."""

    def __init__(self, options, drop_path):
        super().__init__()
        self.backbone = Transformer(options["imageSize"], options["patchSize"], drop_path)
        self.head = DinoHead(384, options["head"], options["classes"])

    @staticmethod
    def key(name):
        return name.replace("backbone.", "backbone.vit.", 1) if name.startswith("backbone.") else name

    def forward(self, inputs):
        return self.head(torch.cat([self.backbone(images) for images in runs_of_equal_width(inputs)]))
