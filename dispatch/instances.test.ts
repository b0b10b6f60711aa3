import { expect, it } from "vitest";
import { subjects } from "../contracts/index.ts";
import { createHostLinks } from "../local/index.ts";
import { connectNats } from "../nats/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import { startTestNats } from "../test/harness/nats.ts";
import { Instances } from "./instances.ts";

const quiet = () => undefined;
const silent = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const FACTS = { id: "i1", service: "fn", node: "n1", revision: "a".repeat(64), concurrency: 1 };

it("an instance that a node named gets the socket that it tells itself", async () => {
  await using server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "instances" });
  const links = createHostLinks({ ...{ world: "w", prefix: "p", peer: "g" }, warn: quiet });
  const unused = {
    onNode: quiet,
    onReady: quiet,
    onRoom: quiet,
    onSilent: quiet,
    onLost: quiet,
    onRoutes: quiet,
  };
  const instances = new Instances({ ...{ nats, links, log: silent }, ...unused });
  try {
    instances.add(FACTS);
    expect(instances.ready("fn")).toMatchObject([{ id: "i1", socket: undefined }]);
    const { id: instance, service, ...facts } = FACTS;
    const socket = { machine: "a".repeat(32), path: "/tmp/narun-run-none/0/s", number: 7 };
    const announcement = { ...facts, function: service, instance, at: 0, state: "ready", phases: {}, socket };
    await eventually(() => {
      nats.publish(subjects.announcement(service, instance), JSON.stringify(announcement));
      expect(instances.ready("fn")).toMatchObject([{ id: "i1", socket: { number: 7 } }]);
    });
  } finally {
    instances.close();
    links.close();
    await nats.close();
  }
});
