/**
 * The isolate's classes and the interfaces that authors see are written apart from each other. The first tests do not
 * compile where they differ, and the last test compiles them.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, expectTypeOf, it } from "vitest";
import type * as sdk from "../../functions/sdk/index.ts";
import { Events } from "../../web/bindings/events.ts";
import { KvBucket } from "../../web/bindings/kv.ts";
import { ObjectBucket } from "../../web/bindings/objects.ts";
import { Publisher } from "../../web/bindings/publisher.ts";
import { RateLimit } from "../../web/bindings/rate-limit.ts";
import { Service } from "../../web/bindings/service.ts";
import { Workflows } from "../../web/bindings/workflows.ts";

/** `Request` and `Response` are the platform's own on both sides: the web platform's tests compare these. */
type AnyService = Record<keyof sdk.Service, (...values: never[]) => Promise<unknown>>;

type Members<T> = Extract<keyof T, string>;
type Undocumented<Class, Interface> = Exclude<Members<Class>, Members<Interface>>;

/** The keys of the options that a method takes as its argument number `N`, counted from 0. */
type OptionKeys<T, M extends keyof T, N extends number> = T[M] extends (...values: infer A) => unknown
  ? keyof NonNullable<A[N]>
  : never;

describe("the object of a binding", () => {
  it("has all that its interface promises", () => {
    const bucket: sdk.KvBucket = new KvBucket("KV");
    const objects: sdk.ObjectBucket = new ObjectBucket("FILES");
    const publisher: sdk.Publisher = new Publisher("EVENTS");
    const service: AnyService = new Service("USERS", "users");
    const events: sdk.Events = new Events("FACTS");
    const limit: sdk.RateLimit = new RateLimit("LIMIT");
    const workflows: sdk.Workflows = new Workflows("ORDERS");
    expect([bucket, objects, publisher, service, events, limit, workflows].map(String)).toEqual([
      "[object KvBucket]",
      "[object ObjectBucket]",
      "[object Publisher]",
      "[object Service]",
      "[object Events]",
      "[object RateLimit]",
      "[object Workflows]",
    ]);
  });

  it("has no method that its interface does not name", () => {
    expectTypeOf<Undocumented<KvBucket, sdk.KvBucket>>().toBeNever();
    expectTypeOf<Undocumented<ObjectBucket, sdk.ObjectBucket>>().toBeNever();
    expectTypeOf<Undocumented<Publisher, sdk.Publisher>>().toBeNever();
    expectTypeOf<Undocumented<Service, sdk.Service>>().toBeNever();
    expectTypeOf<Undocumented<Events, sdk.Events>>().toBeNever();
    expectTypeOf<Undocumented<RateLimit, sdk.RateLimit>>().toBeNever();
    expectTypeOf<Undocumented<Workflows, sdk.Workflows>>().toBeNever();
  });

  it("takes the options of its interface: one that it ignored would be no error of types", () => {
    expectTypeOf<OptionKeys<KvBucket, "entry", 1>>().toEqualTypeOf<OptionKeys<sdk.KvBucket, "entry", 1>>();
    expectTypeOf<OptionKeys<KvBucket, "put", 2>>().toEqualTypeOf<OptionKeys<sdk.KvBucket, "put", 2>>();
    expectTypeOf<OptionKeys<KvBucket, "create", 2>>().toEqualTypeOf<OptionKeys<sdk.KvBucket, "create", 2>>();
    expectTypeOf<OptionKeys<KvBucket, "delete", 1>>().toEqualTypeOf<OptionKeys<sdk.KvBucket, "delete", 1>>();
    expectTypeOf<OptionKeys<KvBucket, "list", 0>>().toEqualTypeOf<OptionKeys<sdk.KvBucket, "list", 0>>();
    expectTypeOf<OptionKeys<KvBucket, "watch", 0>>().toEqualTypeOf<OptionKeys<sdk.KvBucket, "watch", 0>>();
    expectTypeOf<OptionKeys<ObjectBucket, "put", 2>>().toEqualTypeOf<
      OptionKeys<sdk.ObjectBucket, "put", 2>
    >();
    expectTypeOf<OptionKeys<ObjectBucket, "list", 0>>().toEqualTypeOf<
      OptionKeys<sdk.ObjectBucket, "list", 0>
    >();
    expectTypeOf<OptionKeys<RateLimit, "limit", 0>>().toEqualTypeOf<OptionKeys<sdk.RateLimit, "limit", 0>>();
    expectTypeOf<OptionKeys<Publisher, "request", 2>>().toEqualTypeOf<
      OptionKeys<sdk.Publisher, "request", 2>
    >();
  });

  it("is compiled against its interface here", async () => {
    expect(await compile(import.meta.filename)).toBe("");
  });
});

/** Resolves with the compiler's messages. */
async function compile(file: string): Promise<string> {
  const root = join(import.meta.dirname, "../..");
  const folder = await mkdtemp(join(tmpdir(), "narun-test-contract-"));
  try {
    const compilerOptions = { typeRoots: [join(root, "node_modules/@types")] };
    const config = {
      extends: join(root, "tsconfig.json"),
      include: [join(root, "web/**/*.d.ts")],
      files: [file],
      compilerOptions,
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    return await promisify(execFile)(process.execPath, [tsc, "-p", folder]).then(
      () => "",
      ({ stdout }: { stdout: string }) => stdout,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}
