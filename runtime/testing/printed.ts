import { expect } from "vitest";
import { loadTestFunction } from "./sandbox.ts";

/** The lines that a piece of a handler prints, as `level text`. */
export async function printed(code: string): Promise<string[]> {
  const fn = await loadTestFunction(`export default async () => { ${code}; return new Response() }`);
  const answer = await fn.call();
  expect(answer).toMatchObject({ kind: "response" });
  return fn.logs.map(({ level, text }) => `${level} ${text}`);
}
