import { describe, expect, it } from "vitest";
import { createFetchWorld, echo, startServer } from "./testing/fetch-world.ts";

const REFUSED = { name: "TypeError", code: "EGRESS_REFUSED" };

describe("without egress", () => {
  const world = createFetchWorld({ egress: [] });

  it.each([
    ["http://127.0.0.1/"],
    ["http://127.1/"],
    ["http://2130706433/"],
    ["http://0x7f000001/"],
    ["http://0177.0.0.1/"],
    ["http://0x7f.1/"],
    ["http://[::1]/"],
    ["http://[::ffff:127.0.0.1]/"],
    ["http://[::ffff:7f00:1]/"],
    ["http://[::127.0.0.1]/"],
    ["http://[64:ff9b::7f00:1]/"],
    ["http://0.0.0.0/"],
    ["http://0/"],
    ["http://[::]/"],
    ["http://169.254.169.254/latest/meta-data/"],
    ["http://[fd00:ec2::254]/"],
    ["http://10.0.0.1/"],
    ["http://192.168.0.1/"],
    ["http://localhost/"],
    ["http://①②⑦.⓪.⓪.①/"],
  ])("%s is refused", async (url) => {
    const seen = await world.run(`return fetch(${JSON.stringify(url)}).catch(why)`);
    expect(seen).toMatchObject(REFUSED);
    expect((seen as { message: string }).message).toMatch(
      /^fetch failed: EGRESS_REFUSED: .*`egress` in narun.yaml/,
    );
  });

  it("nothing reaches a server on this machine", async () => {
    await using server = await startServer(echo);
    expect(await world.run(`return fetch(origin).catch(why)`, server.origin)).toMatchObject(REFUSED);
    expect(server.connections).toBe(0);
  });

  it("a refusal is in the function's log", async () => {
    const { run, lines } = createFetchWorld({ egress: [] });
    await run(`return fetch("http://10.1.2.3:81/").catch(why)`);
    expect(lines).toEqual([
      "EGRESS_REFUSED: 10.1.2.3 port 81 is a private address; `egress` in narun.yaml could allow it",
    ]);
  });
});

describe("names", () => {
  const fakeLookup = (addresses: string[]) => async () =>
    addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

  it.each([["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"], ["fd00::1"]])(
    "that have the address %s are refused",
    async (address) => {
      const world = createFetchWorld({ egress: [], lookup: fakeLookup([address]) });
      expect(await world.run(`return fetch("http://innocent.example/").catch(why)`)).toMatchObject({
        ...REFUSED,
        message: expect.stringContaining(`${address} (innocent.example) port 80`),
      });
    },
  );

  it("are connected to at the address that was looked at, though a second look-up would give another", async () => {
    await using server = await startServer(echo);
    let lookups = 0;
    const world = createFetchWorld({
      egress: [`127.0.0.1:${server.port}`],
      lookup: async () => {
        lookups += 1;
        return [{ address: lookups === 1 ? "127.0.0.1" : "127.0.0.2", family: 4 }];
      },
    });
    const url = `http://rebinding.example:${server.port}/`;
    const seen = await world.run(`return (await (await fetch("${url}")).json()).headers.host`);
    expect(seen).toBe(`rebinding.example:${server.port}`);
    expect(lookups).toBe(1);
  });

  it("with public and private addresses are never connected to at the private ones", async () => {
    await using server = await startServer(echo);
    const world = createFetchWorld({
      // 127.0.0.2 stands for a public address: it alone is allowed.
      egress: ["127.0.0.2"],
      lookup: fakeLookup(["127.0.0.2", "127.0.0.1"]),
    });
    const seen = await world.run(`return fetch("http://both.example:${server.port}/").catch(why)`);
    // Nothing listens at 127.0.0.2.
    expect(seen).toMatchObject({ code: "ECONNREFUSED" });
    expect(server.connections).toBe(0);
  });

  it("are allowed by a rule of their own, on its port", async () => {
    await using server = await startServer(echo);
    const lookup = fakeLookup(["127.0.0.1"]);
    const allowed = createFetchWorld({ egress: [`db.internal:${server.port}`], lookup });
    const url = `http://db.internal:${server.port}/`;
    expect(await allowed.run(`return (await fetch("${url}")).status`)).toBe(200);
    const otherPort = createFetchWorld({ egress: ["db.internal:1"], lookup });
    expect(await otherPort.run(`return fetch("${url}").catch(why)`)).toMatchObject(REFUSED);
  });
});

describe("redirects", () => {
  it("to what is not allowed are refused", async () => {
    await using inner = await startServer(echo);
    await using server = await startServer((_request, response) => {
      response.writeHead(302, { location: inner.origin }).end();
    });
    const world = createFetchWorld({ egress: [`127.0.0.1:${server.port}`] });
    expect(await world.run(`return fetch(origin).catch(why)`, server.origin)).toMatchObject(REFUSED);
    expect([server.connections, inner.connections]).toEqual([1, 0]);
  });
});

describe("the node's deny list", () => {
  it("wins over egress", async () => {
    await using server = await startServer(echo);
    const world = createFetchWorld({ egress: ["127.0.0.1"], egressDeny: [`127.0.0.1:${server.port}`] });
    expect(await world.run(`return fetch(origin).catch(why)`, server.origin)).toMatchObject({
      ...REFUSED,
      message: `fetch failed: EGRESS_REFUSED: 127.0.0.1 is on the node's deny list (--egress-deny 127.0.0.1:${server.port})`,
    });
    expect(server.connections).toBe(0);
  });

  it("refuses a name before it is looked up", async () => {
    const world = createFetchWorld({
      egress: ["vault.internal"],
      egressDeny: ["*.internal"],
      lookup: async () => {
        throw new Error("was looked up");
      },
    });
    expect(await world.run(`return fetch("http://vault.internal./").catch(why)`)).toMatchObject(REFUSED);
  });
});

describe("limits.subrequests", () => {
  it("counts redirects too, and is told with limit, value and key", async () => {
    await using server = await startServer((request, response) => {
      if (request.url === "/") response.writeHead(302, { location: "/there" });
      response.end();
    });
    const world = createFetchWorld({ subrequests: 4 });
    expect(
      await world.run(
        `const seen = [];
         for (let i = 0; i < 4; i++) seen.push(await fetch(origin).then((response) => response.status, why));
         return seen;`,
        server.origin,
      ),
    ).toEqual([
      200,
      200,
      {
        name: "TypeError",
        message:
          "fetch failed: SUBREQUEST_LIMIT: work outside of requests made 4 requests of its own, and limits.subrequests is 4",
        code: "SUBREQUEST_LIMIT",
      },
      expect.objectContaining({ code: "SUBREQUEST_LIMIT" }),
    ]);
    // One line, for any number of attempts.
    expect(world.lines).toHaveLength(1);
  });
});
