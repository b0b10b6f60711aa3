/**
 * A function whose requests wait until the test opens their gate, whichever instance has them: the gate is a key of a bucket. A
 * full instance takes no request that could open one of its own.
 */
import { Kvm } from "@nats-io/kv";
import type { World } from "./world.ts";

/** The binding of such a function. */
export const gateBinding = { name: "GATES", kv: "gates" };

/** `answer` is an expression. Requests name their gate in the query, or in the body. */
export const sharedGate = (answer = `"done"`) => `
  export default async (request, env) => {
    const gate = new URL(request.url).search.slice(1) || (await request.text());
    while (gate !== "" && (await env.GATES.get(gate)) == null) await new Promise((resolve) => setTimeout(resolve, 20));
    return new Response(${answer});
  };
`;

export async function openGate(world: World, gate: string): Promise<void> {
  const kv = await new Kvm(world.connection.connection).open("gates");
  await kv.put(gate, "open");
}
