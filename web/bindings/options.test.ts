/** No method of a binding ignores an argument silently. */
import { describe, expect, it } from "vitest";
import { KvBucket } from "./kv.ts";
import { ObjectBucket } from "./objects.ts";
import { Publisher } from "./publisher.ts";

const kv = new KvBucket("KV") as unknown as Methods;
const objects = new ObjectBucket("OBJECTS") as unknown as Methods;
const publisher = new Publisher("EVENTS") as unknown as Methods;
type Methods = Record<string, (...values: unknown[]) => unknown>;

/** Calls with an argument that would be ignored, and the remedy in the message of the error. */
const REFUSED: [target: Methods, method: string, values: unknown[], message: string | RegExp][] = [
  [kv, "get", [undefined], "KV.get: the key is a text and not undefined"],
  [kv, "get", [["a", "b"]], "KV.get: the key is a text and not an array; call it for each key"],
  [kv, "get", [1], "KV.get: the key is a text and not a number"],
  [kv, "get", ["a", ["json"]], "KV.get: the options are an object of type, cacheTtl"],
  [kv, "get", ["a", { ttl: 5 }], /^KV.get has no option "ttl"/],
  [kv, "get", ["a", { type: "blob" }], /the type is one of "text"/],
  [
    kv,
    "get",
    ["a", { cacheTtl: 0 }],
    /^KV.get: cacheTtl is a number of seconds from 1 to 315360000, and not 0;/,
  ],
  [kv, "get", ["a", { cacheTtl: Number.NaN }], /and not NaN;/],
  [kv, "get", ["a", { cacheTtl: "60" }], /and not a string;/],
  [kv, "get", ["a", "text", { cacheTtl: 60 }], /; for "cacheTtl" write get\(key, \{ type, cacheTtl \}\)$/],
  [kv, "entry", ["a", { cacheTtl: -1 }], /^KV.entry: cacheTtl is a number/],
  [
    kv,
    "entry",
    ["a", { type: "json" }],
    /no option "type".*; the entry has text\(\), json\(\) and bytes\(\)$/,
  ],
  [
    kv,
    "get",
    ["a", "blob"],
    /the type is one of "text", "json", "bytes", "arrayBuffer", "stream", not "blob"/,
  ],
  [kv, "get", ["a", null], /^KV.get: the type is one of /],
  [kv, "entry", [null], "KV.entry: the key is a text and not null"],
  [kv, "entry", ["a", "json"], "KV.entry: the options are an object of cacheTtl"],
  [kv, "entry", ["a", {}, "json"], "KV.entry takes (key, options) and not a string behind it"],
  [kv, "put", ["a", null], 'KV.put: null is no value: delete(key) removes a key, "" is an empty value'],
  [kv, "put", ["a"], /^KV.put: undefined is no value/],
  [kv, "put", ["a", Number.NaN], /^KV.put: NaN is no value/],
  [kv, "create", ["a", null], /^KV.create: null is no value/],
  [
    objects,
    "put",
    ["a", null],
    'OBJECTS.put: null is no value: delete(name) removes an object, "" is an empty one',
  ],
  [objects, "put", ["a", Number.POSITIVE_INFINITY], /^OBJECTS.put: Infinity is no value/],
  [kv, "put", [{}, "x"], "KV.put: the key is a text and not an object"],
  [kv, "put", ["a", "x", { expirationTtl: 60 }], /no option "expirationTtl".*; write { ttlSeconds }$/],
  [
    kv,
    "put",
    ["a", "x", { expiration: 60 }],
    /no option "expiration".*; write { ttlSeconds }, which counts from now$/,
  ],
  [kv, "put", ["a", "x", { metadata: {} }], /no option "metadata".*; keep it in the value, as JSON$/],
  [kv, "put", ["a", "x", { ttl: 5 }], /; did you mean "ttlSeconds"\?$/],
  [kv, "put", ["a", "x", [5]], "KV.put: the options are an object of ttlSeconds, ifRevision"],
  [kv, "put", ["a", "x", {}, {}], "KV.put takes (key, value, options) and not an object behind it"],
  [kv, "create", [undefined, "x"], "KV.create: the key is a text and not undefined"],
  [
    kv,
    "create",
    ["a", "x", { ifRevision: 1 }],
    /; create writes only a key that is not there; compare-and-set is put/,
  ],
  [kv, "create", ["a", "x", {}, 1], "KV.create takes (key, value, options) and not a number behind it"],
  [kv, "delete", [["a", "b"]], "KV.delete: the key is a text and not an array; call it for each key"],
  [kv, "delete", ["a", { revision: 1 }], /; did you mean "ifRevision"\?$/],
  [kv, "delete", ["a", {}, "b"], "KV.delete takes (key, options) and not a string behind it"],
  [kv, "list", ["a:"], "KV.list: the options are an object of prefix, limit, cursor"],
  [kv, "list", [{ Prefix: "a" }], /; did you mean "prefix"\?$/],
  [kv, "list", [{}, 5], "KV.list takes (options) and not a number behind it"],
  [kv, "watch", ["a:"], /^KV.watch: the options are an object of /],
  [kv, "watch", [{ key: "a" }], /^KV.watch has no option "key"/],
  [kv, "watch", [{ prefix: ["a"] }], /^KV.watch: the prefix is a text and not an array/],
  [kv, "watch", [{ updatesOnly: "yes" }], 'KV.watch: updatesOnly is one of true, false, not "yes"'],
  [
    kv,
    "watch",
    [{ lifetime: "forever" }],
    'KV.watch: lifetime is one of "request", "instance", not "forever"',
  ],
  [
    kv,
    "watch",
    [{ signal: new AbortController() }],
    /signal is an AbortSignal, as controller.signal is, and not/,
  ],
  [kv, "watch", [{}, 5], "KV.watch takes (options) and not a number behind it"],
  [objects, "head", [undefined], "OBJECTS.head: the name is a text and not undefined"],
  [objects, "head", ["a", {}], "OBJECTS.head takes (name) and not an object behind it"],
  [objects, "get", [undefined], "OBJECTS.get: the name is a text and not undefined"],
  [
    objects,
    "get",
    ["a", { range: { offset: 1 } }],
    /an object of range behind it; for "range" read `body` and cancel/,
  ],
  [objects, "get", ["a", { onlyIf: {} }], /; for "onlyIf" compare `sha256` of head\(name\) first$/],
  [objects, "put", [1, "x"], "OBJECTS.put: the name is a text and not a number"],
  [objects, "put", ["a", "x", { httpMetadata: {} }], /no option "httpMetadata".*; write { contentType }$/],
  [objects, "put", ["a", "x", { customMetadata: {} }], /no option "customMetadata".*; write { metadata }$/],
  [objects, "put", ["a", "x", { contentType: 1 }], "OBJECTS.put: the contentType is a text and not a number"],
  [
    objects,
    "put",
    ["a", "x", { metadata: "by" }],
    /metadata are an object of names and texts, not a string$/,
  ],
  [
    objects,
    "put",
    ["a", "x", { metadata: { by: {} } }],
    /metadata are texts; "by" is an object: leave it out or/,
  ],
  [objects, "put", ["a", "x", {}, 1], "OBJECTS.put takes (name, value, options) and not a number behind it"],
  [
    objects,
    "delete",
    [["a", "b"]],
    "OBJECTS.delete: the name is a text and not an array; call it for each name",
  ],
  [objects, "delete", ["a", "b"], "OBJECTS.delete takes (name) and not a string behind it"],
  [objects, "list", [{ delimiter: "/" }], /no option "delimiter".*; group the names yourself$/],
  [objects, "list", [{}, 1], "OBJECTS.list takes (options) and not a number behind it"],
  [publisher, "publish", [undefined], "PUBLISHER.publish: the subject is a text and not undefined"],
  [publisher, "publish", ["a", "x", { headers: {} }], /headers are texts; "headers" is an object/],
  [
    publisher,
    "publish",
    ["a", "x", new Headers({ a: "b" })],
    /not a Headers; write Object.fromEntries\(…\)$/,
  ],
  [publisher, "publish", ["a", "x", [["a", "b"]]], /headers are an object of names and texts, not an array$/],
  [
    publisher,
    "publish",
    ["a", "x", {}, 1],
    "PUBLISHER.publish takes (subject, data, headers) and not a number behind it",
  ],
  [publisher, "request", [["a"], "x"], /^PUBLISHER.request: the subject is a text and not an array/],
  [publisher, "request", ["a", "x", { timeout: 5 }], /; did you mean "timeoutMs"\?$/],
  [publisher, "request", ["a", "x", { headers: new Map() }], /not a Map; write Object.fromEntries\(…\)$/],
  [
    publisher,
    "request",
    ["a", "x", {}, 1],
    /^PUBLISHER.request takes \(subject, data, options\) and not a number/,
  ],
];

describe("an argument that would be ignored", () => {
  it.each(REFUSED)("%s %s(%j) is a TypeError", async (target, method, values, message) => {
    const refused = Promise.try(() => target[method]?.apply(target, values));
    await expect(refused).rejects.toMatchObject({
      name: "TypeError",
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
  });

  it("is looked for by every method that takes one", () => {
    const methods = [KvBucket, ObjectBucket, Publisher].flatMap(({ prototype }) =>
      Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, { value }]) =>
        typeof value === "function" && name !== "constructor"
          ? [`${prototype[Symbol.toStringTag]}.${name}`]
          : [],
      ),
    );
    const covered = REFUSED.map(([target, method]) => `${target[Symbol.toStringTag as never]}.${method}`);
    expect(new Set(covered)).toEqual(new Set(methods));
  });
});
