/**
 * The keys of MCP clients. A key names the actions that it may call. Its text is shown once, when it is made; the store has its
 * digest, which opens nothing.
 */
import { z } from "zod";
import { NAME_PATTERN, NameSchema } from "./names.ts";
import { ACTION_NAME } from "./service-description.ts";

/** `orders`: all tools of a service; `orders.pay`: one; `*`: all of all services. */
const ScopeSchema = z
  .string()
  .max(200)
  .refine(isScope, "a scope is `*`, a service (`orders`), or an action of one (`orders.pay`)");

export const StoredToolKeySchema = z.strictObject({
  name: NameSchema,
  /** SHA-256 of the key's text, hex. The text has 256 random bits, so that nothing slower is needed. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  allow: z.array(ScopeSchema).min(1).max(100),
  /** ISO 8601. */
  createdAt: z.iso.datetime(),
  /** From then on it is refused. Absent: never. */
  expiresAt: z.iso.datetime().optional(),
});
export type StoredToolKey = z.infer<typeof StoredToolKeySchema>;

const PREFIX = "narun";

/** The text of a key. The name in it tells which entry of the store to compare with. */
export function formatToolKey(name: string, secret: string): string {
  return `${PREFIX}.${name}.${secret}`;
}

/** The name in a key's text; undefined for any other text. */
export function nameOfToolKey(text: string): string | undefined {
  const [prefix, name = "", secret = "", ...rest] = text.split(".");
  const isKey = prefix === PREFIX && rest.length === 0 && /^[\w-]{43}$/.test(secret);
  return isKey && NAME_PATTERN.test(name) ? name : undefined;
}

export function isScope(text: string): boolean {
  const [service = "", action, ...rest] = text.split(".");
  if (text === "*") return true;
  return (
    rest.length === 0 && NAME_PATTERN.test(service) && (action === undefined || ACTION_NAME.test(action))
  );
}

/** Whether scopes allow an action. */
export function allowsAction(allow: readonly string[], service: string, action: string): boolean {
  return allow.some((scope) => scope === "*" || scope === service || scope === `${service}.${action}`);
}
