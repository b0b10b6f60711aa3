/**
 * Imports past the index of a part. esbuild splits the commands by files: one that imports an index would load all files behind it that
 * any command uses.
 */
import { readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** The place of an exported value. */
interface Place {
  file: string;
  name: string;
}

const IMPORTS = /^import \{([^}]*)\} from "(\.[^"]*\/index\.[jt]s)";/gm;
const RE_EXPORTS = /^export (?:\*|\{([^}]*)\}) from "(\.[^"]*)";/gm;
const DECLARATIONS = /^export (?:abstract |async )*(?:function\*?|class|const|let|enum) (\w+)/gm;

export class DirectImports {
  readonly #exports = new Map<string, ReadonlyMap<string, Place>>();

  /** The files that were read for it. They are sources of the result. */
  get files(): string[] {
    return [...this.#exports.keys()];
  }

  /** The code of a module, with each value imported from the file that declares it. Names that are not found stay as they are. */
  of(path: string, code: string): string {
    return code.replace(IMPORTS, (text, list: string, specifier: string) => {
      const index = join(dirname(path), specifier);
      const known = this.#exportsOf(index);
      const values = namesIn(list);
      if (values.some(({ name }) => !known.has(name))) return text;
      return values
        .map(({ name, as }) => {
          const place = known.get(name);
          return place === undefined ? "" : importOf(place, as, dirname(path));
        })
        .join(" ");
    });
  }

  #exportsOf(file: string): ReadonlyMap<string, Place> {
    const known = this.#exports.get(file);
    if (known !== undefined) return known;
    const found = new Map<string, Place>();
    // A cycle of indexes ends here.
    this.#exports.set(file, found);
    const code = readFileSync(file, "utf8");
    for (const [, name = ""] of code.matchAll(DECLARATIONS)) found.set(name, { file, name });
    for (const [, list, specifier = ""] of code.matchAll(RE_EXPORTS)) {
      const from = join(dirname(file), specifier);
      const behind = this.#exportsOf(from);
      if (list === undefined) for (const [name, place] of behind) found.set(name, place);
      else for (const { name, as } of namesIn(list)) found.set(as, behind.get(name) ?? { file: from, name });
    }
    return found;
  }
}

/** The values of a list like `a, b as c, type D`. */
function namesIn(list: string): { name: string; as: string }[] {
  const entries = list.split(",").map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== "" && !entry.startsWith("type "))
    .map((entry) => {
      const [name = "", as = name] = entry.split(" as ");
      return { name, as };
    });
}

function importOf({ file, name }: Place, as: string, folder: string): string {
  const path = relative(folder, file).split(sep).join("/");
  const specifier = path.startsWith(".") ? path : `./${path}`;
  return `import { ${name === as ? name : `${name} as ${as}`} } from ${JSON.stringify(specifier)};`;
}
