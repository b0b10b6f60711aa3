import { describe, expect, it } from "vitest";
import { createHeaders, LimitsSchema } from "../../contracts/index.ts";
import type { Message } from "../../nats/index.ts";
import { splitHeaderBlock } from "../../web/host/boundary.ts";
import { joinHeaderBlock } from "../testing/header-block.ts";
import { replyFromError, replyFromResponse } from "./reply-to-message.ts";
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

describe("a reply from a response", () => {
  it("has the status and the fields, repeated ones repeated", () => {
    const block = joinHeaderBlock([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["x-text", "Ã©"],
      ["x-bytes", "\xff"],
    ]);
    expect([...(replyFromResponse(201, block, "made")?.headers ?? [])]).toEqual([
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
    expect([...(replyFromResponse(200, block, undefined)?.headers.keys() ?? [])]).toEqual([
      "X-Response-Status-Code",
    ]);
  });

  it.each([
    ["a status that is none", 99, "", undefined],
    ["a status that is no number", "200", "", undefined],
    ["a name with a space", 200, "a b\nc\n", undefined],
    ["a value with a carriage return", 200, "a\nb\rc\n", undefined],
    ["a body that is neither text nor bytes", 200, "", 5],
  ])("is refused with %s", (_what, status, block, body) => {
    expect(replyFromResponse(status, block, body)).toBeUndefined();
  });

  it("says an error by its code, with nothing of the function", () => {
    expect([...replyFromError("HANDLER_THREW").headers]).toEqual([
      ["Narun-Error", ["HANDLER_THREW"]],
      ["Nats-Service-Error-Code", ["500"]],
      ["Nats-Service-Error", ["The function failed"]],
    ]);
  });

  it("says the limit that was met, as it is in force here", () => {
    const limits = LimitsSchema.parse({ cpuMs: 70 });
    expect(replyFromError("CPU_LIMIT", limits).headers.get("Narun-Limit")).toEqual(["70"]);
    expect(replyFromError("HANDLER_THREW", limits).headers.get("Narun-Limit")).toBeUndefined();
  });
});
