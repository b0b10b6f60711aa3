import type { FunctionConfig } from "../../../contracts/index.ts";
import { createSealer, type Sealer } from "../../../keys/index.ts";
import type { LabelKeys } from "../../host.ts";

/** Seals for a program, which has no keys of its own. Undefined: nothing of it is sealed here. */
export function sealerOf(
  keys: LabelKeys | undefined,
  { name, logs }: Pick<FunctionConfig, "name" | "logs">,
): Sealer | undefined {
  if (keys === undefined || logs === undefined) return undefined;
  return createSealer({
    current: (label) => keys.current(name, label),
    byId: (kid) => keys.byId(name, kid),
  });
}
