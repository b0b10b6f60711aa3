import { isBuiltin } from "node:module";
import { type BundleFacts, type BundleMessage, createMessage } from "./bundle-message.ts";

const DISABLED = "(disabled):";
const HINT =
  "where the function needs it, take another build of the package: `build: { conditions: [worker], mainFields: [module, main] }` in narun.yaml";

/**
 * A warning for each file of a bundle that a package's field `browser` empties with `false`. Modules of Node are left out:
 * packages commonly empty these, and an isolate has none.
 */
export function findDisabledModules({ inputs, outputs }: BundleFacts, bundleFile: string): BundleMessage[] {
  const used = Object.entries(outputs[bundleFile]?.inputs ?? {}).filter(
    ([, { bytesInOutput }]) => bytesInOutput > 0,
  );
  return Object.keys(inputs).flatMap((path) => {
    const file = path.slice(DISABLED.length);
    if (!path.startsWith(DISABLED) || isBuiltin(file)) return [];
    // The outputs may lack the file, because esbuild inlines its undefined exports. Its importers are in the outputs.
    const importers = used
      .map(([from]) => from)
      .filter((from) => inputs[from]?.imports.some((one) => one.path === path));
    if (importers.length === 0) return [];
    return createMessage("disabled-module", {
      text: `${file}, which ${importers.join(" and ")} imports, is empty: its package.json switches it off for browsers ("browser": { …: false })`,
      hint: HINT,
    });
  });
}
