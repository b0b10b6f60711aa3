import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Capability, capabilitiesOf, type FunctionConfig, secretsOf } from "../contracts/index.ts";
import { displayPath, type LoadedFunction } from "./function-folder.ts";

/** The file with the type of a function's `env`, beside its narun.yaml. */
const ENV_TYPES_FILE = "narun-env.d.ts";

/** What writing the types did, or would have done. */
export interface EnvTypesResult {
  /** The file, as people read it. */
  file: string;
  /** Whether the file was not what narun.yaml says. */
  changed: boolean;
  /** Whether there was no file. */
  missing: boolean;
}

/**
 * Writes the type of a function's `env` into `narun-env.d.ts`. Writing it again changes nothing. With `check` nothing is
 * written; with `onlyPresent` the file is kept true, and not made.
 */
export async function writeEnvTypes(
  { dir, config }: Pick<LoadedFunction, "dir" | "config">,
  { check = false, onlyPresent = false }: { check?: boolean; onlyPresent?: boolean } = {},
): Promise<EnvTypesResult> {
  const path = join(dir, ENV_TYPES_FILE);
  const text = renderEnvTypes(config);
  const present = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  const changed = present !== text;
  if (changed && !check && !(onlyPresent && present === undefined)) await writeFile(path, text);
  return { file: displayPath(path), changed, missing: present === undefined };
}

interface Property {
  name: string;
  type: string;
  what: string;
}

const TYPES = { kv: "KvBucket", objects: "ObjectBucket", service: "Service", publish: "Publisher" } as const;

function renderEnvTypes(config: FunctionConfig): string {
  const capabilities = capabilitiesOf(config);
  const properties: Property[] = [
    ...config.env
      .filter(({ value }) => value !== undefined)
      .map(({ name }) => ({ name, type: "string", what: "A value of narun.yaml." })),
    ...secretsOf(config).map(({ name, secret }) => ({ name, type: "string", what: `The secret ${secret}.` })),
    ...capabilities.map((capability) => ({
      name: capability.name,
      type: typeOf(capability),
      what: describe(capability),
    })),
  ];
  const imported = [...new Set(capabilities.map(({ kind }) => TYPES[kind]))].sort();
  const imports = imported.length === 0 ? "" : `import type { ${imported.join(", ")} } from "narun";\n\n`;
  const lines = properties.map(({ name, type, what }) => `  /** ${what} */\n  readonly ${name}: ${type};\n`);
  return `// Written by \`narun types\` from narun.yaml. What is changed here is lost.\n${imports}/** The \`env\` of the function ${config.name}. */\nexport interface Env {\n${lines.join("")}}\n`;
}

function typeOf(capability: Capability): string {
  if (capability.kind !== "publish") return TYPES[capability.kind];
  return `Publisher<${capability.subjects.map(subjectType).join(" | ")}>`;
}

/** The subjects that a pattern stands for, as near as a type can say it. */
function subjectType(pattern: string): string {
  if (!/[*>]/.test(pattern)) return JSON.stringify(pattern);
  const text = pattern.replace(/[\\`]|\$\{/g, "\\$&");
  return `\`${text.replace(/(^|\.)[*>](?=\.|$)/g, (_, dot: string) => `${dot}\${string}`)}\``;
}

function describe(capability: Capability): string {
  switch (capability.kind) {
    case "kv":
      return `The KV bucket ${capability.bucket}.`;
    case "objects":
      return `The object store ${capability.bucket}.`;
    case "service":
      return `The function ${capability.service}.`;
    case "publish":
      return "Subjects of NATS.";
  }
}
