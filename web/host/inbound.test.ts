import { describe, expect, it } from "vitest";
import { loadTestFunction } from "../../runtime/testing/sandbox.ts";

describe("bytes from the host", () => {
  it("are few chunks where many small ones waited", async () => {
    const { link, call, read } = await loadTestFunction(`export default async (request) => {
      const reader = request.body.getReader();
      await reader.read();
      await new Promise((resolve) => setTimeout(resolve, 0));
      const rest = [];
      let chunks = 0;
      for (let next = await reader.read(); !next.done; next = await reader.read()) { chunks += 1; rest.push(...next.value); }
      return Response.json({ chunks, size: rest.length, isRight: rest.every((byte, at) => byte === at % 251) });
    }`);
    const size = 3_000;
    const inbound = link.streams.openInbound(1, {
      onCredit() {
        if (sent > 0) return;
        inbound.push(new Uint8Array([1]).buffer);
        for (; sent < size; sent++) inbound.push(new Uint8Array([sent % 251]).buffer);
        inbound.end();
      },
      onCancel: () => undefined,
    });
    let sent = 0;
    const answer = await call({ method: "POST", body: inbound.id });
    if (answer.kind !== "response") throw new Error(answer.text);
    const { chunks, ...rest } = JSON.parse(Buffer.from(await read(answer.body)).toString());
    expect(rest).toEqual({ size, isRight: true });
    expect(chunks).toBeLessThan(100);
  });
});
