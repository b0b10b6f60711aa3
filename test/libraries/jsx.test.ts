import { describe, expect, it } from "vitest";
import { startWorld } from "../harness/world.ts";

describe("JSX without a tsconfig", () => {
  it("takes its library from the file's own remark", async () => {
    await using world = await startWorld();
    await world.push("page", {
      "index.tsx": `/** @jsxImportSource hono/jsx */
        const Page = ({ name }: { name: string }) => <p>Hello, {name}</p>;
        export default () => new Response(String(<Page name="<Ada>" />), { headers: { "content-type": "text/html" } });`,
    });
    expect((await world.call("/page")).text).toBe("<p>Hello, &lt;Ada&gt;</p>");
  });
});
