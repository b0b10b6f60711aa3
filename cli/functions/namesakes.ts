import { displayPath, load } from "../../builder/index.ts";
import { NarunError } from "../../contracts/index.ts";

/** The function's name by folder. A folder with a wrong narun.yaml is left out; its build reports the error. */
export async function namesOf(folders: readonly string[]): Promise<Map<string, string>> {
  const loaded = await Promise.all(
    [...new Set(folders)].map(async (folder) => {
      const fn = await load(folder).catch(() => undefined);
      return fn === undefined ? [] : [[folder, fn.config.name] as const];
    }),
  );
  return new Map(loaded.flat());
}

/** NAME_TWICE by folder, for folders whose functions have the same name. A push of one would replace the other. */
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
