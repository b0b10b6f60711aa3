import { type FunctionConfig, NarunError, type StoredSecret, secretsOf } from "../../contracts/index.ts";
import { type Nats, openSecrets, type SecretsKey, type TypedKv } from "../../nats/index.ts";

/** The secrets of functions, decrypted where a start needs them. */
export interface FunctionSecrets {
  /**
   * The values of a function's secrets, by the names that they have in its `env`, as they are stored now. Errors:
   * SECRET_MISSING, SECRET_UNREADABLE, SECRETS_KEY_MISSING.
   */
  of(config: FunctionConfig): Promise<Record<string, string>>;
}

/** `key`: the system's master key, where the node of this name has it. */
export function createFunctionSecrets(
  nats: Nats,
  node: string,
  key: SecretsKey | undefined,
): FunctionSecrets {
  // Most nodes run functions without secrets: the bucket is opened for the first that has one.
  let opening: Promise<TypedKv<StoredSecret>> | undefined;
  const open = () => {
    opening ??= openSecrets(nats).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };

  const readSecret = async (name: string, secret: string): Promise<string> => {
    const facts = { detail: `env ${name} is the secret ${JSON.stringify(secret)}`, secret };
    if (key === undefined) {
      const detail = `${facts.detail}, and node ${node} was started without the key`;
      throw new NarunError("SECRETS_KEY_MISSING", { ...facts, detail });
    }
    const read = await (await open()).get(secret);
    if (read === undefined) throw new NarunError("SECRET_MISSING", facts);
    if (!read.ok || read.value.name !== secret) throw new NarunError("SECRET_UNREADABLE", facts);
    return key.open(secret, read.value);
  };

  return {
    async of(config) {
      const values = await Promise.all(
        secretsOf(config).map(async ({ name, secret }) => [name, await readSecret(name, secret)] as const),
      );
      return Object.fromEntries(values);
    },
  };
}
