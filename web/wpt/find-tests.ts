/** The `.any.js` tests of a web-platform-tests checkout, one entry for each variant. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

export interface WptTest {
  /** The path in the checkout and the variant, `url/a.any.js?include=file`. */
  id: string;
  /** The path in the checkout. */
  file: string;
  /** The query of the variant, `?include=file`, or empty. */
  variant: string;
  /** The URL paths of the scripts that the test requires, in order. */
  scripts: string[];
  isLong: boolean;
}

export interface FoundTests {
  tests: WptTest[];
  /** Tests for pages, audio worklets and the like. */
  skipped: string[];
}

/** The scopes without a page. */
const SCOPES = new Set([
  "worker",
  "dedicatedworker",
  "sharedworker",
  "serviceworker",
  "jsshell",
  "shadowrealm",
]);

/** All tests below the folders of a checkout. Default: the whole checkout. A folder may be the file of a test. */
export function findTests(dir: string, folders: readonly string[]): FoundTests {
  const found: FoundTests = { tests: [], skipped: [] };
  for (const file of folders.length === 0
    ? listTests(dir, "")
    : folders.flatMap((name) => listTests(dir, name))) {
    const meta = readMeta(readFileSync(join(dir, file), "utf8"));
    const scopes = meta.filter(([key]) => key === "global").flatMap(([, value]) => value.split(","));
    if (scopes.length > 0 && !scopes.some((scope) => SCOPES.has(scope.trim()))) {
      found.skipped.push(file);
      continue;
    }
    const valuesOf = (wanted: string) => meta.filter(([key]) => key === wanted).map(([, value]) => value);
    const variants = valuesOf("variant");
    for (const variant of variants.length === 0 ? [""] : variants) {
      found.tests.push({
        id: `${file}${variant}`,
        file,
        variant,
        scripts: valuesOf("script").map((path) => new URL(path, `http://wpt/${file}`).pathname),
        isLong: valuesOf("timeout").includes("long"),
      });
    }
  }
  return found;
}

/** The `// META: key=value` lines at the start of a test. */
function readMeta(source: string): [string, string][] {
  const meta: [string, string][] = [];
  for (const line of source.split("\n")) {
    const match = /^\/\/\s*META:\s*(\w+)=(.*)$/.exec(line.trimEnd());
    if (match !== null) meta.push([match[1] ?? "", (match[2] ?? "").trim()]);
    else if (line.trim() !== "" && !line.startsWith("//")) break;
  }
  return meta;
}

function listTests(dir: string, folder: string): string[] {
  if (folder.endsWith(".any.js")) return [folder];
  return readdirSync(join(dir, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".any.js"))
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)).replaceAll(sep, "/"))
    .filter((file) => !file.split("/").includes("node_modules"))
    .sort();
}
