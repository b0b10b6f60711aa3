import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import { holdCompiler } from "./compiler.ts";

/** The compiler's processes that this process has started. */
function children(): number {
  const { stdout } = spawnSync("ps", ["-A", "-ww", "-o", "ppid=,args="], { encoding: "utf8" });
  return stdout
    .split("\n")
    .filter((line) => line.trim().startsWith(`${process.pid} `) && line.includes("--service")).length;
}

test("the compiler's process runs while it is held, and again for the next hold", async () => {
  for (const _ of ["first", "again"]) {
    const outer = holdCompiler();
    {
      using inner = holdCompiler();
      const { transform } = await inner.load();
      expect((await transform("let a: number = 1", { loader: "ts" })).code).toBe("let a = 1;\n");
    }
    expect(children()).toBe(1);
    outer[Symbol.dispose]();
    // A second disposal does not release the hold of another.
    outer[Symbol.dispose]();
    await eventually(() => expect(children()).toBe(0));
  }
});
