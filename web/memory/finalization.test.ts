import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** Registers objects that are heavy enough to be collected, until the first callback has run. */
const collect = (callback: string) => `
  export default async () => {
    let seen;
    const registry = new FinalizationRegistry((held) => { seen = held; ${callback} });
    for (let made = 0; seen === undefined && made < 200; made++) {
      registry.register({ weight: new ArrayBuffer(1 << 20) }, "object " + made, {});
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return new Response(String(seen));
  };
`;

describe("FinalizationRegistry", () => {
  it("tells of what was collected", async () => {
    const loaded = await loadTestFunction(collect(""));
    expect(await loaded.call()).toMatchObject({ body: expect.stringMatching(/^object \d+$/) });
  });

  it("ends a callback that does not return as it ends everything else", async () => {
    const loaded = await loadTestFunction(collect("for (;;);"));
    expect(await loaded.call()).toMatchObject({ body: expect.stringMatching(/^object \d+$/) });
  });

  it("calls back for thousands within a few turns, and for each after one that throws", async () => {
    // Each wait is an entry of its own. With a turn for each callback it would take as many waits.
    const loaded = await loadTestFunction(`
      let called = 0;
      const registry = new FinalizationRegistry((at) => { called++; if (at % 1000 === 0) throw new Error("told"); });
      export default async () => {
        for (let at = 0; at < 20_000; at++) registry.register({}, at);
        let waits = 0;
        for (; called < 15_000 && waits < 500; waits++) {
          new ArrayBuffer(8 << 20);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        return Response.json([called >= 15_000, waits < 500]);
      };
    `);
    expect(await loaded.call()).toMatchObject({ body: "[true,true]" });
    expect(loaded.logs.length).toBeGreaterThan(1);
  });

  it("looks like the language's own", async () => {
    const found = await callJson(`export default () => {
      const registry = new FinalizationRegistry(() => {});
      const token = {};
      registry.register({}, 1, token);
      const errorOf = (act) => { try { act(); } catch (error) { return error.name; } };
      return Response.json([
        String(registry), FinalizationRegistry.length, FinalizationRegistry.name, registry.register.length,
        Object.keys(FinalizationRegistry.prototype), registry.unregister(token), registry.unregister(token),
        errorOf(() => new FinalizationRegistry()), errorOf(() => FinalizationRegistry(() => {})),
        errorOf(() => registry.register(token, token)), errorOf(() => registry.unregister(1)),
        registry.constructor === FinalizationRegistry,
      ]);
    }`);
    const errors = ["TypeError", "TypeError", "TypeError", "TypeError"];
    const name = "FinalizationRegistry";
    expect(found).toEqual([`[object ${name}]`, 1, name, 2, [], true, false, ...errors, true]);
  });
});
