import { describe, expect, it } from "vitest";
import { readFields } from "./field-list.ts";
import { decodeRequest, encodeReply, encodeRequest, type RequestFacts } from "./header-mode.ts";
import { encodeRequestText, requestTextOf } from "./request-text.ts";
import { readResponseBlock } from "./response-block.ts";
import { readRequestHead } from "./socket-head.ts";

const client = { address: "192.0.2.1", remoteAddress: "192.0.2.1:5000" };
const factsOf = (fields: string[], facts: Partial<RequestFacts> = {}): RequestFacts => ({
  method: "POST",
  rawPath: "/a%20b",
  query: "x=1",
  host: "example.org",
  scheme: "https",
  requestId: "id",
  fields,
  ...facts,
});

/** The pairs of a block, sorted by name: the order of other names has no meaning. */
function sorted(lines: readonly string[]): string[] {
  const pairs = Array.from({ length: lines.length / 2 }, (_, at) => [lines[2 * at], lines[2 * at + 1]]);
  return pairs.map(([name, value]) => `${name}: ${value}`).sort();
}

const linesIn = (block: string) => block.split("\n").slice(0, -1);

describe("the head of a request as a text", () => {
  it.each([
    { name: "usual fields", fields: ["Host", "example.org", "Accept", "*/*", "Connection", "keep-alive"] },
    { name: "no fields", fields: [] },
    {
      name: "fields that stay",
      fields: ["Narun-Hops", "9", "X-Original-Path", "/", "TE", "trailers", "Expect", "1"],
    },
    {
      name: "a client's word about itself",
      fields: ["X-Forwarded-For", "10.0.0.1", "Forwarded", "for=10.0.0.1"],
    },
    { name: "repeated fields", fields: ["X-A", "1", "x-b", "2", "X-a", "3"] },
    { name: "several cookies", fields: ["Cookie", "a=1", "Accept", "*/*", "cookie", "b=2"] },
    {
      name: "fields of the connection",
      fields: ["Connection", "x-mine, keep-alive", "X-Mine", "1", "X-Other", "2"],
    },
    { name: "bytes", fields: ["X-Latin", "caf\u00e9", "X-Utf8", "\u00c3\u00a9", "X-Tab", "a\tb"] },
  ])("says the same as a message: $name", ({ fields }) => {
    const facts = factsOf(fields);
    const headers = encodeRequest(facts, { client });
    const ofMessage = decodeRequest({ headers, data: new Uint8Array() }, "fn");
    const head = readRequestHead(encodeRequestText(facts, client) ?? "");
    const { method, scheme, host, rawPath, query, requestId, remoteAddress, block = "" } = head ?? {};
    const { fields: expected, hops, isUpgrade, ...rest } = ofMessage;
    expect({ method, scheme, host, rawPath, query, requestId }).toEqual(rest);
    expect(remoteAddress).toBe(client.remoteAddress);
    expect(sorted(linesIn(block))).toEqual(sorted(expected));
    const passedOn = readRequestHead(requestTextOf({ headers, data: new Uint8Array() }, "fn") ?? "");
    expect({ ...passedOn, block: sorted(linesIn(passedOn?.block ?? "")) }).toEqual({
      ...head,
      block: sorted(expected),
    });
  });

  it.each([
    { fields: ["content-type", "application/json", "x-a", "1"] },
    {
      fields: [
        "Host",
        "other",
        "Expect",
        "100-continue",
        "Content-Length",
        "7",
        "X-Forwarded-For",
        "10.0.0.1",
      ],
    },
    {
      fields: [
        "Narun-Caller",
        "forged",
        "narun-hops",
        "0",
        "X-Original-Path",
        "/",
        "x-forwarded-proto",
        "ftp",
      ],
    },
    { fields: ["Cookie", "a=1", "cookie", "b=2", "X-Utf8", "\u00c3\u00a9"] },
  ])("says of a function's call the same as a message: $fields", ({ fields }) => {
    const facts = factsOf(fields, { caller: "shop", hops: 1 });
    const { fields: expected } = decodeRequest(
      { headers: encodeRequest(facts, {}), data: new Uint8Array() },
      "fn",
    );
    const head = readRequestHead(encodeRequestText(facts, undefined) ?? "");
    expect(sorted(linesIn(head?.block ?? ""))).toEqual(sorted(expected));
    expect(head?.remoteAddress).toBe("");
    expect(expected.join()).not.toContain("forged");
  });

  it.each([
    factsOf(["Bad Name", "1"]),
    factsOf(["", "1"]),
    factsOf(["X-A", "a\nb"]),
    factsOf(["X-A", "\u0100"]),
    factsOf([], { rawPath: "/\u0100" }),
    factsOf([], { host: "a\nb" }),
  ])("is refused where a message is: %o", (facts) => {
    expect(encodeRequest(facts, { client })).toBeUndefined();
    expect(encodeRequestText(facts, client)).toBeUndefined();
  });
});

describe("the header block of a response", () => {
  const READING = { names: "as-sent", omitted: new Set(["content-length", "x-request-id"]) } as const;

  it.each([
    ["content-type", "text/plain", "x-a", "1", "set-cookie", "a=1", "set-cookie", "b=2"],
    ["content-length", "12", "x-request-id", "mine", "x-b", "caf\u00e9"],
    ["connection", "x-mine", "x-mine", "1", "x-other", "2", "transfer-encoding", "chunked"],
    ["narun-error", "INTERNAL", "x-response-status-code", "500", "nats-x", "1"],
    [],
  ])("is read as the headers of a message are: %s", (...fields) => {
    const headers = encodeReply(200, fields) ?? new Map();
    const expected = readFields(headers, READING);
    const read = readResponseBlock(fields.map((line) => `${line}\n`).join(""));
    expect(read.announcedLength).toBe(expected.announcedLength);
    expect(read.isValid).toBe(true);
    expect(sorted(read.fields)).toEqual(sorted(expected.fields));
  });

  it.each(["x-a\n1\nx-b\n", "x-a\n1", "x a\n1\n", "\n1\n", "x-a\na\u0000b\n", "x-a\na\rb\n", "x-a\n"])(
    "is not valid: %j",
    (block) => {
      expect(readResponseBlock(block).isValid).toBe(false);
    },
  );
});
