/** Checks that a program can make of the pages: they agree with the code. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { renderReference } from "../cli/command/reference.ts";
import { loadCommands } from "../cli/commands.ts";
import {
  errorEntry,
  FunctionFileSchema,
  FunctionSpecSchema,
  headerNames,
  isErrorCode,
  LimitsSchema,
  subjects,
} from "../contracts/index.ts";
import { renderErrors } from "../docs/generate-errors.ts";
import { renderRoles } from "../docs/generate-roles.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Paths in the pages that are not files of this repository. */
const ELSEWHERE = ["test/fixtures/wpt"];
const read = (path: string) => readFileSync(join(root, path), "utf8");

const pages = [
  ...["README.md", "CHANGELOG.md", "CONTRIBUTING.md"],
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** The commands in the form of `narun --help`. */
const commands = (await loadCommands()).map(({ usage }) => usage);

describe("docs/errors.md", () => {
  it("is what `npm run docs` writes", () => {
    expect(read("docs/errors.md")).toBe(renderErrors());
  });
});

describe("docs/roles.md", () => {
  it("is what `npm run docs` writes", () => {
    expect(read("docs/roles.md")).toBe(renderRoles());
  });
});

describe("docs/cli.md", () => {
  it("is what `npm run docs` writes", async () => {
    expect(read("docs/cli.md")).toBe(await renderReference());
  });
});

describe("docs/limits.md", () => {
  const page = read("docs/limits.md");
  const rows = new Map(
    [...page.matchAll(/^\| `limits\.(\w+)` \|([^|]*)\|([^|]*)\|.*\| `(\w+)` \|$/gm)].map(
      ([, key = "", defaultText = "", bounds = "", code = ""]) => [
        key,
        { defaultText: defaultText.trim(), bounds: bounds.trim(), code },
      ],
    ),
  );
  const schema = z.toJSONSchema(LimitsSchema, { io: "input" }) as Schema;

  it("has every limit with its default and its bounds", () => {
    const limits = Object.entries(schema.properties ?? {});
    expect([...rows].map(([key, { defaultText, bounds }]) => [key, defaultText, bounds]).sort()).toEqual(
      limits.map(([key, limit]) => [key, String(limit.default), boundsOf(limit)]).sort(),
    );
  });

  it("has an error code of its own for each, whose advice names the key", () => {
    const codes = [...rows.values()].map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    const advice = [...rows].map(
      ([key, { code }]) => isErrorCode(code) && errorEntry(code).solve.includes(key),
    );
    expect(advice).toEqual(codes.map(() => true));
  });

  it("names only codes that there are", () => {
    const named = codeOf(page).filter(
      (code) => /^[A-Z]+(_[A-Z]+)+$/.test(code) && !code.startsWith("NARUN_"),
    );
    expect(named.filter((code) => !isErrorCode(code))).toEqual([]);
  });
});

describe("docs/wire.md", () => {
  const wire = read("docs/wire.md");

  it("has every subject", () => {
    const args = [
      "app",
      "epoch",
      "id",
      "instance",
      "lane",
      "node",
      "peer",
      "run",
      "schedule",
      "service",
      "stream",
      "subject",
      "token",
      "workflow",
    ];
    const all = Object.values(subjects).map((subject) =>
      typeof subject === "string" ? [subject] : variantsOf(subject, args),
    );
    const missing = all.filter((variants) => !variants.some((subject) => wire.includes(`\`${subject}\``)));
    expect(missing.map(([first]) => first)).toEqual([]);
  });

  it("has a spec with every key that a spec has", () => {
    const [, yaml = ""] = /^### Spec [\s\S]*?```yaml\n([\s\S]*?)```/m.exec(wire) ?? [];
    const spec: unknown = parse(yaml);
    expect(FunctionSpecSchema.parse(spec)).toEqual(spec);
  });

  it("has every header", () => {
    expect(Object.values(headerNames).filter((name) => !wire.includes(`\`${name}\``))).toEqual([]);
  });
});

describe("docs/architecture.md", () => {
  it.each(["runtime", "web"])("has every folder of %s/", (part) => {
    const folders = readdirSync(join(root, part), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== "testing")
      .map((entry) => `${relative(root, join(entry.parentPath, entry.name))}/`)
      .filter((folder) => !folder.startsWith("web/wpt/"));
    const architecture = read("docs/architecture.md");
    expect(folders.filter((folder) => !architecture.includes(`\`${folder}\``))).toEqual([]);
  });
});

describe("docs/decisions.md", () => {
  it("has a row for every dependency", () => {
    const manifest = z
      .object({
        dependencies: z.record(z.string(), z.string()),
        devDependencies: z.record(z.string(), z.string()),
      })
      .parse(JSON.parse(read("package.json")));
    const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    const rows = [...read("docs/decisions.md").matchAll(/^\| (`[^|]+) \|/gm)].map(([, packages]) => packages);
    expect(names.filter((name) => !rows.some((row) => row?.includes(`\`${name}\``)))).toEqual([]);
  });
});

describe("docs/narun-yaml.md", () => {
  const rows = new Map(
    [...read("docs/narun-yaml.md").matchAll(/^\| `([\w[\].]+)` \|([^|]*)\|([^|]*)\|/gm)].map(
      ([, key = "", defaultText = "", bounds = ""]) => [
        key,
        { defaultText: defaultText.trim(), bounds: bounds.trim() },
      ],
    ),
  );
  const all = keysOf(z.toJSONSchema(FunctionFileSchema, { io: "input" }) as Schema);
  // docs/limits.md has the limits.
  const keys = new Map([...all].filter(([key]) => key !== "limits" && !key.startsWith("limits.")));

  it("has every key, and no other", () => {
    expect([...rows.keys()].sort()).toEqual([...keys.keys()].filter((key) => !isGroup(key)).sort());
  });

  it("has the defaults and bounds of every number", () => {
    const numbers = [...keys].filter(([, { type }]) => type === "integer" || type === "number");
    const documented = numbers.map(([key, { default: own }]) => {
      const { defaultText, bounds } = rows.get(key) ?? {};
      // The default of an optional number is another key.
      const isOptional = own === undefined && defaultText?.startsWith("`limits.");
      return [key, isOptional ? "required" : defaultText, bounds];
    });
    expect(documented).toEqual(
      numbers.map(([key, schema]) => [key, String(schema.default ?? otherKey(key)), boundsOf(schema)]),
    );
  });

  /** The default of a number is that of another key, or it has none. */
  function otherKey(key: string): string {
    const text = rows.get(key)?.defaultText ?? "";
    return keys.has(text.replaceAll("`", "")) ? text : "required";
  }

  function isGroup(key: string): boolean {
    return [...keys.keys()].some((other) => other.startsWith(`${key}.`));
  }
});

describe("the pages", () => {
  it("are all named in the README", () => {
    const readme = read("README.md");
    expect(pages.filter((page) => page !== "README.md" && !readme.includes(`](${page}`))).toEqual([]);
  });

  it("mention only commands that there are", () => {
    const known = new Set(["help", ...commands.map((command) => command.split(" ")[0])]);
    const mentioned = pages.flatMap((page) =>
      codeOf(read(page)).flatMap((code) =>
        [...code.matchAll(/(?:^|npx )narun ([a-z]+)/gm)].map(([, command = ""]) => ({ page, command })),
      ),
    );
    expect(mentioned.length).toBeGreaterThan(0);
    expect(mentioned.filter(({ command }) => !known.has(command))).toEqual([]);
  });

  it("give commands only options that they have", async () => {
    const given = pages.flatMap((page) =>
      codeOf(read(page))
        .flatMap((code) => code.split("\n"))
        .flatMap((line) => {
          const [, name = "", rest = ""] = /^(?:npx )?narun (?:config )?([a-z]+)([^#]*)/.exec(line) ?? [];
          return [...rest.matchAll(/ (--?[a-z][a-z-]*)/g)].map(([, option = ""]) => ({ page, name, option }));
        }),
    );
    expect(given.length).toBeGreaterThan(10);
    const sections = (await renderReference()).split(/^## /m);
    const isKnown = (name: string, option: string) =>
      sections
        .filter((text) => text.startsWith("Every command\n") || text.startsWith(`${name}\n`))
        .some((text) => new RegExp(`^\\| \`(?:-\\w, )?${option}[ ,\`]`, "m").test(text));
    expect(given.filter(({ name, option }) => !isKnown(name, option))).toEqual([]);
  });

  it("name only files that there are", () => {
    const named = pages.flatMap((page) =>
      [
        ...read(page).matchAll(
          /`((?:contracts|nats|builder|gateway|runtime|cli|functions|test|docs|bin)\/[\w./-]*)`/g,
        ),
      ].map(([, path = ""]) => path),
    );
    expect(named.length).toBeGreaterThan(0);
    const missing = named.filter((path) => !existsSync(join(root, path)) && !ELSEWHERE.includes(path));
    expect(missing).toEqual([]);
  });

  it("have no semicolon in a diagram of messages: Mermaid takes it for the end of a line", () => {
    const diagrams = pages.flatMap(
      (page) => read(page).match(/^```mermaid\nsequenceDiagram\n[\s\S]*?^```/gm) ?? [],
    );
    expect(diagrams.length).toBeGreaterThan(3);
    expect(diagrams.filter((diagram) => diagram.includes(";"))).toEqual([]);
  });

  it("list every command in the README", () => {
    const readme = read("README.md");
    expect(commands.length).toBeGreaterThan(0);
    expect(commands.filter((command) => !readme.includes(`| \`narun ${command}\` |`))).toEqual([]);
  });

  it("have no link inside the repository that leads nowhere", () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)/g)].flatMap(
        ([, path = "", anchor]) => {
          const target = path === "" ? page : relative(root, join(root, dirname(page), path));
          const isThere =
            existsSync(join(root, target)) && (anchor === undefined || anchorsOf(read(target)).has(anchor));
          return isThere ? [] : [`${page}: ${path}${anchor === undefined ? "" : `#${anchor}`}`];
        },
      ),
    );
    expect(broken).toEqual([]);
  });
});

interface Schema {
  type?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  items?: Schema;
}

/** Every key of a schema by its path: `scale.min`, `routes[].path`. */
function keysOf({ properties = {} }: Schema, prefix = ""): Map<string, Schema> {
  return new Map(
    Object.entries(properties).flatMap(([name, schema]) => {
      const key = `${prefix}${name}`;
      const below =
        schema.items === undefined ? keysOf(schema, `${key}.`) : keysOf(schema.items, `${key}[].`);
      return [[key, schema] as const, ...below];
    }),
  );
}

function boundsOf({ minimum, maximum }: Schema): string {
  const isOpen = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  return isOpen ? `from ${minimum}` : `${minimum} to ${maximum}`;
}

/** A subject with the names that its arguments may have in the page. */
function variantsOf(subject: (...args: [string, string]) => string, names: readonly string[]): string[] {
  const marks = names.map((name) => `<${name}>`);
  return marks.flatMap((first) => marks.map((second) => subject(first, second)));
}

/** The code of a page: blocks without their comments, and text between backticks. */
function codeOf(page: string): string[] {
  const blocks = [...page.matchAll(/```\w*\n([\s\S]*?)```/g)].map(([, code = ""]) => code);
  const spans = [...page.replace(/```[\s\S]*?```/g, "").matchAll(/`([^`\n]+)`/g)].map(
    ([, code = ""]) => code,
  );
  return [...blocks, ...spans];
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const headings = page.replace(/```[\s\S]*?```/g, "").matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}
