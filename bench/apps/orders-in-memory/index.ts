/** The same app for a platform without a KV bucket: a Map holds the entries. */
import { createApp } from "../orders/app.ts";

const entries = new Map<string, string>();
const app = createApp("/orders", { cacheTtl: 60 });

const STORE = {
  get: async (key: string) => entries.get(key) ?? null,
  put: async (key: string, value: string) => void entries.set(key, value),
};

export default { fetch: (request: Request) => app.fetch(request, { STORE }) };
