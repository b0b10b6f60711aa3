/** Options of the places where narun keeps files, and of the key that its secrets are sealed with. */
import { asText, type GivenText, value } from "./option.ts";
import { parsePort } from "./values.ts";

export const dataDir = value({
  flag: "--data-dir <dir>",
  help: "the folder of `narun up`: NATS' data, the key of secrets, caches",
  fallback: ".narun/data",
  parse: asText,
});

export const cacheDir = value({
  flag: "--cache-dir <dir>",
  help: "where bundles are kept",
  fallbackHelp: "the user's cache folder",
  parse: asText,
});

export const natsPort = value({
  flag: "--nats-port <port>",
  help: "port of the embedded nats-server",
  fallback: "4222",
  parse: parsePort,
});

export const natsServer = value({
  variables: ["NARUN_NATS_SERVER"],
  help: "the nats-server binary to use",
  fallbackHelp: "one in PATH or in the user's cache folder, else a fetched one",
  parse: ({ text, source }) => ({ path: text, by: source.name }),
});

/** The key of secrets: in a file, or the key itself of a variable. */
export type SecretsKeySource = { file: string } | { text: string; variable: string };

const KEY_FILE_VARIABLE = "NARUN_MASTER_KEY_PATH";

const keyDescription = {
  // The original toolkit has the other names.
  variables: ["NARUN_SECRETS_KEY", "NARUN_MASTER_KEY", KEY_FILE_VARIABLE],
  variableHelp: "the key itself; of the last one: its file",
  show: () => "(hidden)",
  parse: ({ text, source }: GivenText): SecretsKeySource =>
    source.kind === "variable" && source.name !== KEY_FILE_VARIABLE
      ? { text, variable: source.name }
      : { file: text },
};

export const secretsKey = value({
  ...keyDescription,
  flag: "--secrets-key <file>",
  help: "the key of secrets, in a file",
});

/** For commands that keep the key in their data folder where no variable has it. */
export const secretsKeyVariable = value({ ...keyDescription, help: "the key of secrets, base64" });

export const keysDir = value({
  flag: "--keys <dir>",
  variables: ["NARUN_KEYS"],
  help: "the folder of the key files for encryption end to end",
  parse: asText,
});

export const keysPassphrase = value({
  variables: ["NARUN_KEYS_PASSPHRASE"],
  help: "the passphrase of the key files",
  fallbackHelp: "they are under none",
  show: () => "(hidden)",
  parse: asText,
});

export const keysAs = value({
  flag: "--as <user>",
  help: "opens and seals values as this user, by its file in --keys: user:NAME",
  fallbackHelp: "they are shown as sealed",
  parse: asText,
});

/** The folder of key files in the data folder of `narun up`. */
export const KEYS_FOLDER = "keys";
