import { expect, test } from "vitest";
import { commonOptions } from "../command/define-command.ts";
import { loadCommands } from "../commands.ts";
import { describeUnknownVariables, knownVariables } from "./variables.ts";

test("the list has the variables of every command", async () => {
  const options = [
    ...(await loadCommands()).flatMap((one) => Object.values(one.options)),
    ...Object.values(commonOptions),
  ];
  const declared = new Set(options.flatMap(({ variables }) => variables));
  expect([...knownVariables].sort()).toEqual([...declared].sort());
});

test("an unknown variable of narun's prefix is named, with the nearest", () => {
  expect(describeUnknownVariables({ NARUN_LOGLEVEL: "info", NARUN_LOG_LEVEL: "info", PATH: "/bin" })).toEqual(
    ["narun reads no variable NARUN_LOGLEVEL. Did you mean NARUN_LOG_LEVEL?"],
  );
  expect(describeUnknownVariables({ NARUN_ZZZZZZZZZZZ: "" })).toEqual([
    "narun reads no variable NARUN_ZZZZZZZZZZZ. `narun config` lists the variables.",
  ]);
});
