import { expect } from "vitest";
import type { World } from "./world.ts";

/** A handler that runs `body`, an async function of `(env, request)`, and answers with its result as JSON, or with its error. */
export const probe = (body: string) => `
  const run = async (env: any, request: Request) => { ${body} };
  export default async (request: Request, env: unknown) => {
    try {
      return Response.json((await run(env, request)) ?? null);
    } catch (error: any) {
      return Response.json({ name: error.name, message: error.message });
    }
  };
`;

export type RunProbe = (
  body: string,
  bindings: unknown[],
  config?: Record<string, unknown>,
) => Promise<unknown>;

/** Pushes a function with bindings for each probe, calls it through the gateway, and returns its result. */
export function createProbes(world: World): RunProbe {
  let count = 0;
  return async (body, bindings, config = {}) => {
    const name = `probe-${++count}`;
    await world.push(name, probe(body), { bindings, ...config });
    const answer = await world.call(`/${name}`, { method: "POST", body: "the body" });
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
    return JSON.parse(answer.text);
  };
}
