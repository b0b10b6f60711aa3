import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { startWorld } from "./harness/world.ts";

const source = `
  const gate = Promise.withResolvers<void>();
  export default async (request: Request) => {
    const { search } = new URL(request.url);
    if (search === "?open") gate.resolve();
    if (search === "?wait") await gate.promise;
    return new Response(\`\${search} \${(await request.arrayBuffer()).byteLength}\\n\`);
  };
`;

/** More than one message carries, and little enough to arrive completely in the gateway before it is read. */
const BYTES = 70_000;

it("a body that has come whole behind another request reaches its handler", async () => {
  await using world = await startWorld();
  await world.push("fn", source);
  const { hostname, port } = new URL(world.url("/fn"));
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString();
  });
  socket.write("GET /fn?wait HTTP/1.1\r\nHost: test\r\n\r\n");
  const head = `POST /fn?post HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: ${BYTES}\r\n\r\n`;
  await new Promise((resolve) =>
    socket.write(Buffer.concat([Buffer.from(head), Buffer.alloc(BYTES)]), resolve),
  );
  // This request goes through the same gateway, which has read the other connection by then.
  expect(await world.call("/fn?open")).toMatchObject({ status: 200, text: "?open 0\n" });
  await once(socket, "close");
  expect(text).toMatch(/^\?wait 0$/m);
  expect(text).toMatch(new RegExp(`^\\?post ${BYTES}$`, "m"));
});
