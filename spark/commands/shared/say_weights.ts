import { accountLines, type WeightAccount } from "../../weights/weight_account.ts";
import { print } from "../cli/print.ts";

/**
 * Says in two lines what was read of a file of weights and what was not.
 *
 * @param account Of the weights.
 * @param options `head`: what becomes of a head in the file.
 * @param tell Where to say it.
 */
export function sayWeights(
  account: WeightAccount,
  options: { readonly head?: string } = {},
  tell: (line: string) => void = print,
): void {
  accountLines(account, options).forEach((line) => tell(line));
}
