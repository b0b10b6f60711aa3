import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  capabilitiesOf,
  type EnvProperty,
  envPropertiesOf,
  type FunctionConfig,
  type ServiceDescription,
  secretsOf,
} from "../contracts/index.ts";
import { displayPath, type LoadedFunction } from "./function-folder.ts";
import { typeOfSchema } from "./schema-types.ts";

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

/** The options of `writeEnvTypes`. */
export interface EnvTypesOptions {
  /** Write nothing. */
  check?: boolean;
  /** Update a file that exists, and create none. */
  onlyPresent?: boolean;
  /** The descriptions of services that are deployed: their bindings get the methods of their actions. Default: none are known. */
  interfaces?: ReadonlyMap<string, ServiceDescription>;
}

const NO_INTERFACES: ReadonlyMap<string, ServiceDescription> = new Map();

/**
 * Writes the type of a function's `env` into `narun-env.d.ts`. A file that is up to date is not written again.
 */
export async function writeEnvTypes(
  { dir, config }: Pick<LoadedFunction, "dir" | "config">,
  { check = false, onlyPresent = false, interfaces = NO_INTERFACES }: EnvTypesOptions = {},
): Promise<EnvTypesResult> {
  const path = join(dir, ENV_TYPES_FILE);
  const text = renderEnvTypes(config, interfaces);
  const present = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  const changed = present !== text;
  if (changed && !check && !(onlyPresent && present === undefined)) await writeFile(path, text);
  return { file: displayPath(path), changed, missing: present === undefined };
}

function renderEnvTypes(config: FunctionConfig, interfaces: ReadonlyMap<string, ServiceDescription>): string {
  const text = (name: string, description: string): EnvProperty => ({
    name,
    type: "string",
    typeArguments: [],
    description,
  });
  const clients = clientsOf(config, interfaces);
  const bindings = envPropertiesOf(config).map((property) => {
    const client = clients.get(property.name);
    return client === undefined
      ? property
      : { ...property, type: "ServiceClient", typeArguments: [client.type] };
  });
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
  const types = new Map([...clients.values()].map((client) => [client.type, client]));
  const declared = [...types.values()].map(({ type, service, told }) => declarationOf(type, service, told));
  return `// Written by \`narun types\` from narun.yaml. Changes to this file are lost.\n${imports}/** The \`env\` of the function ${config.name}. */\nexport interface Env {\n${lines.join("")}}\n${declared.join("")}`;
}

/** The bindings whose services are described, and the names of their types. */
function clientsOf(config: FunctionConfig, interfaces: ReadonlyMap<string, ServiceDescription>) {
  return new Map(
    capabilitiesOf(config).flatMap((one) => {
      const told = one.kind === "service" ? interfaces.get(one.service) : undefined;
      if (one.kind !== "service" || told === undefined) return [];
      return [[one.name, { type: `${pascalCase(one.service)}Actions`, service: one.service, told }] as const];
    }),
  );
}

function pascalCase(name: string): string {
  const words = name.split(/[-_]+/).filter((word) => word !== "");
  const text = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  return /^\d/.test(text) ? `_${text}` : text;
}

function declarationOf(type: string, service: string, { version, actions }: ServiceDescription): string {
  const lines = actions.map(({ name, description, input, output }) => {
    const comment = description === undefined ? "" : `  /** ${commentText(description)} */\n`;
    return `${comment}  readonly ${name}: { input: ${typeOfSchema(input)}; output: ${typeOfSchema(output)} };\n`;
  });
  return `\n/** The actions of the service ${service} ${version}, as it is deployed. */\nexport interface ${type} {\n${lines.join("")}}\n`;
}

/** One line that does not end its comment. */
function commentText(text: string): string {
  return text.replaceAll("*/", "*\\/").replace(/\s+/g, " ").trim();
}

function typeOf({ type, typeArguments }: EnvProperty): string {
  return typeArguments.length === 0 ? type : `${type}<${typeArguments.join(", ")}>`;
}
