/** The functions that the soak deploys, as source folders. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Upper bound of the time of any request, the `limits.timeoutMs` of each function. */
export const TIMEOUT_MS = 15_000;

/** The subject on which functions report the beginning of a request: `<id> <a new UUID for each beginning>`. */
export const BEGUN_SUBJECT = "soak.begun";

export const SLEEPERS = ["sleeper-0", "sleeper-1", "sleeper-2", "sleeper-3"] as const;

const limits = `limits: { timeoutMs: ${TIMEOUT_MS} }\n`;
const begun = `bindings: [{ name: BEGUN, publish: [${BEGUN_SUBJECT}] }]\n`;

/** Answers with the received body, under the id of the request. A POST first reports its beginning. */
const echo = `
  export default async (request, env) => {
    const id = request.headers.get("x-soak-id");
    if (request.method === "POST") await env.BEGUN.publish("${BEGUN_SUBJECT}", id + " " + crypto.randomUUID());
    const body = await request.arrayBuffer();
    const wait = Number(new URL(request.url).searchParams.get("wait"));
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    return new Response(body, { headers: { "x-soak-id": id } });
  };
`;

const store = `
  const keyOf = (request) => new URL(request.url).pathname.split("/").at(-1);
  export const PUT = async (request, env) => {
    const { size } = await env.STORE.put(keyOf(request), request.body ?? new Uint8Array(0));
    return Response.json({ size });
  };
  export const GET = async (request, env) => {
    const found = await env.STORE.get(keyOf(request));
    return found === null ? new Response(null, { status: 404 }) : new Response(found.body);
  };
`;

const versionSource = (version: number) => `export default () => new Response("version ${version}");\n`;

/** Writes all functions under `root`. Resolves with their folders. */
export async function writeFunctions(root: string): Promise<string[]> {
  return await Promise.all([
    writeFunction(root, "echo", echo, limits + begun),
    writeFunction(root, "store", store, `${limits}bindings: [{ name: STORE, objects: soak }]\n`),
    writeVersion(root, 0),
    ...SLEEPERS.map((name) =>
      writeFunction(root, name, echo, `${limits}${begun}scale: { idleSeconds: 1 }\n`),
    ),
  ]);
}

export function writeVersion(root: string, version: number): Promise<string> {
  return writeFunction(root, "versioned", versionSource(version), limits);
}

async function writeFunction(root: string, name: string, source: string, yaml: string): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "index.js"), source);
  await writeFile(join(folder, "narun.yaml"), `name: ${name}\nentry: index.js\n${yaml}`);
  return folder;
}
