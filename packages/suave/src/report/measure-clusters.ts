/** @file Measures a network without classes (SwAV, DINO) on held-out images: which clusters they fall to, and their map. */
import { keep, scope, type Tensor } from '@suave/torch';
import type { HeldOut } from '../evaluation/held-out.js';
import { FeatureExtractor } from '../evaluation/index.js';
import { allIndices, scoreImages } from '../evaluation/scoring.js';
import { mapOf } from './map.js';
import {
  classParts,
  finishMap,
  type MeasuredParts,
  type MeasureOptions,
  mapped,
  nothing,
  reasons,
  scoringBatch,
  tooFewForMap,
} from './parts.js';
import { prototypeUse } from './prototypes.js';
import { thumbnailsOf } from './thumbnails.js';

/** Measures clusters. */
export async function measureClusters(heldOut: HeldOut, options: MeasureOptions): Promise<MeasuredParts> {
  const { run, checkpoint, metadata, device, signal, onProgress } = options;
  const { images, labels, source } = heldOut;
  const extractor = FeatureExtractor.load(run, { device, checkpoint });
  const prototypes = extractor.prototypes();
  let scores: Tensor | null = null;
  try {
    if (prototypes !== null) {
      const weights = scope(() => keep(prototypes.transpose(0, 1).to({ device })));
      scores = await scoreImages(
        (batchImages) => extractor.bottleneck(batchImages).matmul(weights),
        images,
        allIndices(images.length),
        {
          input: metadata.input,
          batch: scoringBatch,
          device,
          signal,
          onProgress: (done, total) => onProgress?.('measuring held-out images', done, total),
        },
      ).finally(() => weights.dispose());
    }
    const map = await mapOf(heldOut, { ...options, predicted: null });
    const thumbnails = await thumbnailsOf(images, mapped(map), signal);
    const why = `Stage "${metadata.stage.name}" learns without classes.`;
    return {
      ...nothing,
      source,
      prototypes: scores === null ? null : prototypeUse(scores, []),
      map: finishMap(map, (image) => thumbnails.get(image)!),
      measured: labels.length,
      missing: {
        ...reasons(classParts, why),
        ...(scores === null ? reasons(['prototypes'], 'The network has no prototypes.') : {}),
        ...(map === null ? reasons(['map'], tooFewForMap) : {}),
      },
    };
  } finally {
    scores?.dispose();
    prototypes?.dispose();
    extractor.dispose();
  }
}
