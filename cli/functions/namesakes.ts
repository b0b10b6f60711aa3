import { displayPath, loadFunction } from "../../builder/index.ts";
import { NarunError } from "../../contracts/index.ts";

/** The name of each folder's function. One whose narun.yaml is wrong has none: it is told of when it is built. */
export async function namesOf(folders: readonly string[]): Promise<Map<string, string>> {
  const loaded = await Promise.all(
    [...new Set(folders)].map(async (folder) => {
      const fn = await loadFunction(folder).catch(() => undefined);
      return fn === undefined ? [] : [[folder, fn.config.name] as const];
    }),
  );
  return new Map(loaded.flat());
}

/**
 * NAME_TWICE, by folder, for those whose function has the name of another folder's. Each would replace the other: none of
 * them is to be pushed.
 */
export async function findNamesakes(folders: readonly string[]): Promise<Map<string, NarunError>> {
  const byName = Map.groupBy(await namesOf(folders), ([, name]) => name);
  return new Map(
    [...byName].flatMap(([name, entries]) => {
      const same = entries.map(([folder]) => folder);
      if (same.length < 2) return [];
      const detail = `${same.map(displayPath).join(" and ")} are both ${name}`;
      return same.map((folder) => [folder, new NarunError("NAME_TWICE", { detail, name, folders: same })]);
    }),
  );
}
