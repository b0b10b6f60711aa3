import { NarunError, nearest } from "../contracts/index.ts";
import { type Nats, openSecrets, type SecretsKey } from "../nats/index.ts";

/** A secret without its value. */
export interface SecretSummary {
  name: string;
  description: string | null;
  /** ISO 8601. */
  updatedAt: string;
}

export interface NewSecret {
  name: string;
  value: string;
  /** Default: the description that the secret has. */
  description?: string | undefined;
}

/** Stores a secret, sealed with the key. Nodes replace the instances that use it. */
export async function setSecret(
  nats: Nats,
  key: SecretsKey,
  { name, value, description }: NewSecret,
): Promise<{ name: string; created: boolean }> {
  const secrets = await openSecrets(nats);
  const before = await secrets.get(name);
  const now = new Date().toISOString();
  const known = before?.ok === true ? before.value : undefined;
  const text = description ?? known?.description;
  await secrets.put(name, {
    name,
    ...key.seal(name, value),
    ...(text === undefined ? {} : { description: text }),
    created_at: known?.created_at ?? now,
    updated_at: now,
  });
  return { name, created: before === undefined };
}

/** Deletes a secret. Error: SECRET_MISSING with the nearest name. */
export async function removeSecret(nats: Nats, name: string): Promise<void> {
  const secrets = await openSecrets(nats);
  if ((await secrets.get(name)) === undefined) {
    const meant = nearest(
      name,
      (await secrets.list()).map(({ key }) => key),
    );
    const advice = meant === undefined ? "" : `; did you mean "${meant}"?`;
    throw new NarunError("SECRET_MISSING", { detail: `${JSON.stringify(name)}${advice}` });
  }
  await secrets.delete(name);
}

/** All secrets, by their names. */
export async function listSecrets(nats: Nats): Promise<SecretSummary[]> {
  return (await (await openSecrets(nats)).list())
    .map((read) => ({
      name: read.key,
      description: (read.ok ? read.value.description : undefined) ?? null,
      updatedAt: read.ok ? read.value.updated_at : read.createdAt.toISOString(),
    }))
    .sort((a, b) => a.name.localeCompare(b.name));
}
