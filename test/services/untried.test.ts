/** A service that no node could try when it was pushed. */
import { expect, it } from "vitest";
import { rollback } from "../../control/index.ts";
import { openSpecs } from "../../nats/index.ts";
import { startWorld } from "../harness/world.ts";

const codeOf = (version: string) => `import { service } from "narun";
export default service({ name: "late", version: "${version}" }).action("say", {}, () => "${version}");`;

it("is tried, and known by its actions, when it is pushed again; a rollback brings its former description back", async () => {
  await using world = await startWorld({ nodes: 0 });
  const versionOf = async () => {
    const read = await (await openSpecs(world.connection)).get("late");
    return read?.ok && read.value.kind === "function" ? read.value.spec.interface?.version : "unreadable";
  };
  expect(await world.push("late", codeOf("1.0.0"))).toMatchObject({ unchanged: false, tried: false });
  expect(await versionOf()).toBeUndefined();
  await world.startNode("node-late");
  expect(await world.push("late", codeOf("1.0.0"))).toMatchObject({ unchanged: false, tried: true });
  expect(await versionOf()).toBe("1.0.0");
  const say = async () => (await world.call("/late.say", { method: "POST" })).text;
  expect(await say()).toBe('"1.0.0"');
  expect(await world.push("late", codeOf("1.0.0"))).toMatchObject({ unchanged: true });
  await world.push("late", codeOf("2.0.0"));
  expect([await versionOf(), await say()]).toEqual(["2.0.0", '"2.0.0"']);
  await rollback(world.connection, "late");
  expect([await versionOf(), await say()]).toEqual(["1.0.0", '"1.0.0"']);
}, 90_000);
