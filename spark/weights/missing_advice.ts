/** @file Why a weight is missing, where the names beside it tell, and what to do about it in Python. */

/** What stands in place of a weight, by what follows its name, and the remedy. */
const IN_PLACE: readonly (readonly [suffix: string, advice: string])[] = [
  ["_mask", 'it is pruned: in Python, torch.nn.utils.prune.remove(module, "weight") before saving'],
  ["_orig", "it has a spectral norm: in Python, torch.nn.utils.remove_spectral_norm(module) before saving"],
  ["_g", "it is split by weight norm: in Python, torch.nn.utils.remove_weight_norm(module) before saving"],
];

const FLAT = /(?:^|\.)_?flat_param(?:_\d+)?$/;

/**
 * Says why a weight is missing.
 *
 * @param path The file.
 * @param missing Name of the weight.
 * @param names All names that there are.
 * @returns What to do, after a semicolon; empty if nothing tells.
 */
export function missingAdvice(path: string, missing: string, names: readonly string[]): string {
  const found = new Set(names);
  const [, module, word] = /^(.*?)([^.]+)$/s.exec(missing) ?? [];
  const advice = IN_PLACE.find(([suffix]) => found.has(missing + suffix))?.[1] ??
    (names.some((name) => name.startsWith(`${module}parametrizations.${word}.`))
      ? `it is computed from others: in Python, torch.nn.utils.parametrize.remove_parametrizations(module, "${word}") ` +
        "before saving"
      : found.has(`${module}base_layer.${word}`)
      ? "it has an adapter: in Python, model.merge_and_unload() before saving"
      : names.some((name) => FLAT.test(name))
      ? "these are shards of FSDP: in Python, save model.state_dict() within " +
        "FullyShardedDataParallel.state_dict_type(model, StateDictType.FULL_STATE_DICT)"
      : /-of-\d+\.\w+$/.test(path)
      ? "this is one shard of several: give their index, ….index.json"
      : undefined);
  return advice === undefined ? "" : `; ${advice}`;
}
