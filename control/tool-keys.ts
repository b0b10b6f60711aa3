import { hash, randomBytes } from "node:crypto";
import { formatToolKey, isScope, NameSchema, NarunError, nearest } from "../contracts/index.ts";
import { type Nats, openToolKeys } from "../nats/index.ts";

/** A key of an MCP client, without its text. */
export interface ToolKeySummary {
  name: string;
  allow: string[];
  /** ISO 8601. */
  createdAt: string;
  expiresAt: string | null;
}

export interface NewToolKey {
  name: string;
  /** `orders`, `orders.pay` or `*`. */
  allow: readonly string[];
  /** How long it is valid. Default: for ever. */
  validMs?: number | undefined;
}

/** Makes a key; its text is nowhere else. Errors: USAGE; TOOL_KEY_EXISTS. */
export async function addToolKey(
  nats: Nats,
  { name, allow, validMs }: NewToolKey,
): Promise<ToolKeySummary & { key: string }> {
  const wrong = allow.find((scope) => !isScope(scope));
  if (!NameSchema.safeParse(name).success)
    throw new NarunError("USAGE", { detail: "a key's name is as a function's" });
  if (wrong !== undefined || allow.length === 0)
    throw new NarunError("USAGE", {
      detail: `${wrong === undefined ? "no scope" : JSON.stringify(wrong)}: give \`*\`, a service, or \`service.action\``,
    });
  const key = formatToolKey(name, randomBytes(32).toString("base64url"));
  const now = Date.now();
  const stored = {
    ...{ name, sha256: hash("sha256", key), allow: [...allow], createdAt: new Date(now).toISOString() },
    ...(validMs !== undefined && { expiresAt: new Date(now + validMs).toISOString() }),
  };
  if ((await (await openToolKeys(nats)).create(name, stored)) === undefined)
    throw new NarunError("TOOL_KEY_EXISTS", { detail: name });
  return { ...summaryOf(stored), key };
}

/** All keys, by their names. */
export async function listToolKeys(nats: Nats): Promise<ToolKeySummary[]> {
  const reads = await (await openToolKeys(nats)).list();
  return reads
    .flatMap((read) => (read.ok ? [summaryOf(read.value)] : []))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Deletes a key: its next call is refused. Error: TOOL_KEY_MISSING with the nearest name. */
export async function removeToolKey(nats: Nats, name: string): Promise<void> {
  const keys = await openToolKeys(nats);
  const names = (await keys.list()).map(({ key }) => key);
  if (!names.includes(name)) {
    const meant = nearest(name, names);
    const advice = meant === undefined ? "" : `; did you mean "${meant}"?`;
    throw new NarunError("TOOL_KEY_MISSING", { detail: `${JSON.stringify(name)}${advice}` });
  }
  await keys.delete(name);
}

function summaryOf({
  name,
  allow,
  createdAt,
  expiresAt,
}: Omit<ToolKeySummary, "expiresAt"> & { expiresAt?: string | undefined }): ToolKeySummary {
  return { name, allow, createdAt, expiresAt: expiresAt ?? null };
}
