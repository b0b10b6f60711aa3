import { describe, expect, it } from "vitest";
import { createHeaders, errorEntry, FunctionConfigSchema, subjects } from "../../contracts/index.ts";
import type { Message, Nats } from "../../nats/index.ts";
import type { Peers } from "../../streams/index.ts";
import { splitHeaderBlock } from "../../web/host/boundary.ts";
import { joinHeaderBlock } from "../testing/header-block.ts";
import type { Answer, IncomingCall } from "./incoming-call.ts";
import { NatsCalls } from "./nats-call.ts";
import { requestFromMessage } from "./request-from-message.ts";

function message(headers: [string, string][] | undefined, data = ""): Message {
  return {
    subject: "hello",
    data: Buffer.from(data),
    headers: headers === undefined ? undefined : createHeaders(headers),
    reply: "inbox",
    isReadable: true,
    status: 0,
    text: () => data,
    respond: () => undefined,
  };
}

describe("a request from a message", () => {
  it("keeps the path as it was written, the query and the client's headers", () => {
    const request = requestFromMessage(
      message([
        ["X-Original-Method", "PUT"],
        ["X-Original-Path", "/hello/a b"],
        ["Narun-Path", "/hello/a%20b"],
        ["X-Original-Query", "q=%20"],
        ["X-Original-Host", "example.org:8080"],
        ["Narun-Request-Id", "r1"],
        ["Accept", "*/*"],
        ["X-Many", "1"],
        ["X-Many", "2"],
      ]),
      "hello",
      1_000,
    );
    expect(request).toMatchObject({
      method: "PUT",
      url: "http://example.org:8080/hello/a%20b?q=%20",
      requestId: "r1",
    });
    expect(splitHeaderBlock(request.headerBlock)).toEqual([
      ["accept", "*/*"],
      ["x-many", "1"],
      ["x-many", "2"],
      ["host", "example.org:8080"],
    ]);
  });

  it.each(["", "a/b", "a?b", "a#b", "user@a", "a\\b"])(
    "has its function's name as host where it names none: %j",
    (host) => {
      const request = requestFromMessage(
        message([
          ["X-Original-Path", "/evil.example/admin"],
          ["X-Original-Query", "x=1"],
          ["X-Original-Host", host],
        ]),
        "hello",
        1_000,
      );
      expect(request.url).toBe("http://hello/evil.example/admin?x=1");
      expect(splitHeaderBlock(request.headerBlock)).toEqual([]);
    },
  );

  it("has its cookies in one line, whoever sent them", () => {
    const { headerBlock } = requestFromMessage(
      message([
        ["Cookie", "a=1"],
        ["Cookie", "b=2"],
      ]),
      "hello",
      1_000,
    );
    expect(splitHeaderBlock(headerBlock)).toEqual([["cookie", "a=1; b=2"]]);
  });

  it("takes a plain message: data makes it a POST", () => {
    expect(requestFromMessage(message(undefined), "hello", 1_000)).toMatchObject({
      method: "GET",
      url: "http://hello/hello",
      body: undefined,
    });
    expect(requestFromMessage(message(undefined, "x"), "hello", 1_000)).toMatchObject({ method: "POST" });
  });

  it("encodes the path of a sender that only gives the decoded one", () => {
    const request = requestFromMessage(message([["X-Original-Path", "/a b?c#d/é"]]), "hello", 1_000);
    expect(request.url).toBe("http://hello/a%20b%3Fc%23d/%C3%A9");
  });

  it("does not let a Host that is none cost the request", () => {
    const request = requestFromMessage(
      message([
        ["X-Original-Host", "a b/c@:x"],
        ["Narun-Path", "/p"],
      ]),
      "hello",
      1_000,
    );
    expect(request.url).toBe("http://hello/p");
  });

  it.each([
    ["//elsewhere/x", "http://h//elsewhere/x"],
    ["@elsewhere/", "http://h/@elsewhere/"],
    ["//[", "http://h//["],
    ["x", "http://h/x"],
  ])("does not let the path %s choose the host", (path, url) => {
    const headers: [string, string][] = [
      ["X-Original-Host", "h"],
      ["Narun-Path", path],
    ];
    expect(requestFromMessage(message(headers), "hello", 1_000).url).toBe(url);
  });

  it("never waits longer than the function's own limit", () => {
    const late = String(Date.now() + 3_600_000);
    const request = requestFromMessage(message([["Narun-Deadline", late]]), "hello", 1_000);
    expect(request.deadline - Date.now()).toBeLessThanOrEqual(1_000);
  });

  it("counts what is left from its arrival, whatever time of day its sender has", () => {
    const absurd = String(Date.now() - 3_600_000);
    const headers: [string, string][] = [
      ["Narun-Deadline", absurd],
      ["Narun-Timeout", "700"],
    ];
    const before = Date.now();
    const request = requestFromMessage(message(headers), "hello", 1_000);
    expect(request.timeoutMs).toBe(700);
    expect(request.deadline).toBeGreaterThanOrEqual(before + 700);
    expect(requestFromMessage(message(headers), "hello", 500).timeoutMs).toBe(500);
    const old = requestFromMessage(message([["Narun-Deadline", absurd]]), "hello", 1_000);
    expect(old.timeoutMs).toBe(0);
  });

  it("copies the body, as buffers of messages share their memory", () => {
    const shared = Buffer.from("neighbour|body");
    const request = requestFromMessage({ ...message([]), data: shared.subarray(10) }, "hello", 1_000);
    expect(Buffer.from(request.body as ArrayBuffer).toString()).toBe("body");
  });
});

/** The answer of a call to a function's own answer, or to an error; undefined where HTTP cannot carry it. */
function answerOf(act: (call: IncomingCall) => Answer | undefined): Map<string, string[]> | undefined {
  let sent: Map<string, string[]> | undefined;
  const incoming = {
    ...message([]),
    subject: subjects.instanceRequests("i"),
    respond(_data: unknown, headers = createHeaders()) {
      sent = headers;
    },
  };
  const config = FunctionConfigSchema.parse({ name: "hello", routes: [] });
  const parts = { nats: { maxPayload: 1_000_000 } as Nats, peers: {} as Peers, instance: "i", config };
  const call = new NatsCalls(parts).open(incoming, () => undefined);
  if (call !== undefined) act(call)?.send("");
  return sent;
}

describe("a reply from a response", () => {
  it("has the status and the fields, repeated ones repeated", () => {
    const block = joinHeaderBlock([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["x-text", "Ã©"],
      ["x-bytes", "\xff"],
    ]);
    expect([...(answerOf((call) => call.answer(201, block)) ?? [])]).toEqual([
      ["X-Response-Status-Code", ["201"]],
      ["Set-Cookie", ["a=1", "b=2"]],
      ["X-Text", ["é"]],
      ["X-Bytes", ["\xff"]],
      ["Narun-Latin1", ["X-Bytes"]],
    ]);
  });

  it("drops what belongs to narun or to one connection", () => {
    const block = joinHeaderBlock([
      ["narun-error", "X"],
      ["nats-service-error-code", "500"],
      ["connection", "close"],
    ]);
    expect([...(answerOf((call) => call.answer(200, block))?.keys() ?? [])]).toEqual([
      "X-Response-Status-Code",
    ]);
  });

  it.each([
    ["a name with a space", "a b\nc\n"],
    ["a value with a carriage return", "a\nb\rc\n"],
  ])("is refused with %s", (_what, block) => {
    expect(answerOf((call) => call.answer(200, block))).toBeUndefined();
  });

  it("says an error by its code, with nothing of the function, and the limit that was met", () => {
    const failed = (limit: number | undefined) =>
      answerOf((call) => {
        call.fail("CPU_LIMIT", limit);
        return undefined;
      });
    expect([...(failed(undefined) ?? [])]).toEqual([
      ["Narun-Error", ["CPU_LIMIT"]],
      ["X-Response-Status-Code", ["504"]],
      ["Nats-Service-Error-Code", ["504"]],
      ["Nats-Service-Error", [errorEntry("CPU_LIMIT").title]],
    ]);
    expect(failed(70)?.get("Narun-Limit")).toEqual(["70"]);
  });
});
