/** @file Keys of torchvision's vision transformers, which are the same networks as timm's and DINO's under other names. */

const RENAMES: readonly (readonly [RegExp, string])[] = [
  [/^class_token$/, 'cls_token'],
  [/^encoder\.pos_embedding$/, 'pos_embed'],
  [/^conv_proj\./, 'patch_embed.proj.'],
  [/^encoder\.ln\./, 'norm.'],
  [/^encoder\.layers\.encoder_layer_(\d+)\.ln_([12])\./, 'blocks.$1.norm$2.'],
  // rows of the joint projection: queries, keys, values, heads one after the other, as in timm's
  [/^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_(weight|bias)$/, 'blocks.$1.attn.qkv.$2'],
  [/^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\./, 'blocks.$1.attn.proj.'],
  [/^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:linear_1|0)\./, 'blocks.$1.mlp.fc1.'],
  [/^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:linear_2|3)\./, 'blocks.$1.mlp.fc2.'],
];

/** Whether a key is an entry of a torchvision vision transformer's backbone. */
export function isTorchvisionTransformer(key: string): boolean {
  return RENAMES.some(([pattern]) => pattern.test(key));
}

/** The key as timm and DINO have it; other keys pass unchanged. */
export function renameTorchvisionTransformer(key: string): string {
  for (const [pattern, replacement] of RENAMES) if (pattern.test(key)) return key.replace(pattern, replacement);
  return key;
}
