/** @file Published accuracies, top-1 in percent (method specification 9.2 and 9.4). */

/** Table 1 of the paper's supplement: ImageNet, without fine-tuning. `epochs` of Suave are those of the SwAV checkpoint it starts from. */
export const table1Numbers = [
  { method: 'PAWS-NN', epochs: 100, '10pct': 71.0, '1pct': 61.5 },
  { method: 'PAWS-NN', epochs: 200, '10pct': 71.9, '1pct': 63.2 },
  { method: 'PAWS-NN', epochs: 300, '10pct': 73.1, '1pct': 64.2 },
  { method: 'Suave', epochs: 100, '10pct': 71.9, '1pct': 62.2 },
  { method: 'Suave', epochs: 200, '10pct': 72.7, '1pct': 63.1 },
  { method: 'Suave', epochs: 800, '10pct': 73.4, '1pct': 64.1 },
] as const;

/** What others report on the same images under other protocols; the CIFAR tables of Suave and Daino themselves are not at hand. */
export const otherProtocols = {
  cifar10: [
    'solo-learn, ResNet-18, 1000 epochs, linear classifier on all 50,000 labels: SwAV 89.17, DINO 89.52, BYOL 92.58, SimCLR 90.74, SupCon 93.82',
  ],
  cifar100: [
    'solo-learn, ResNet-18, 1000 epochs, linear classifier on all 50,000 labels: SwAV 64.88, DINO 66.76, DeepCluster-v2 63.61, BYOL 70.46, Barlow Twins 70.90, SupCon 70.38',
    'USB (classic_cv), error in percent with 400 / 2500 / 10000 labels: FixMatch 53.37 / 34.29 / 28.28, FreeMatch 49.24 / 32.79 / 27.17, SimMatch 48.82 / 32.54 / 26.42, supervised 89.87 / 61.25 / 38.99',
  ],
} as const;
