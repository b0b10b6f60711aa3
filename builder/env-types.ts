import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type EnvProperty, envPropertiesOf, type FunctionConfig, secretsOf } from "../contracts/index.ts";
import { displayPath, type LoadedFunction } from "./function-folder.ts";

/** The file with the type of a function's `env`, beside its narun.yaml. */
export const ENV_TYPES_FILE = "narun-env.d.ts";

/** The result of `writeEnvTypes`; with `check` the result that writing would have. */
export interface EnvTypesResult {
  /** The path of the file for display. */
  file: string;
  /** Whether the file differed from narun.yaml. */
  changed: boolean;
  /** Whether there was no file. */
  missing: boolean;
}

/**
 * Writes the type of a function's `env` into `narun-env.d.ts`. A file that is up to date is not written again. `check`:
 * write nothing. `onlyPresent`: update a file that exists, and create none.
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

function renderEnvTypes(config: FunctionConfig): string {
  const text = (name: string, description: string): EnvProperty => ({
    name,
    type: "string",
    typeArguments: [],
    description,
  });
  const bindings = envPropertiesOf(config);
  const properties = [
    ...config.env.flatMap(({ name, value }) =>
      value === undefined ? [] : [text(name, "A value of narun.yaml.")],
    ),
    ...secretsOf(config).map(({ name, secret }) => text(name, `The secret ${secret}.`)),
    ...bindings,
  ];
  const imported = [...new Set(bindings.map(({ type }) => type))].sort();
  const imports = imported.length === 0 ? "" : `import type { ${imported.join(", ")} } from "narun";\n\n`;
  const lines = properties.map(
    (property) => `  /** ${property.description} */\n  readonly ${property.name}: ${typeOf(property)};\n`,
  );
  return `// Written by \`narun types\` from narun.yaml. Changes to this file are lost.\n${imports}/** The \`env\` of the function ${config.name}. */\nexport interface Env {\n${lines.join("")}}\n`;
}

function typeOf({ type, typeArguments }: EnvProperty): string {
  return typeArguments.length === 0 ? type : `${type}<${typeArguments.join(", ")}>`;
}
