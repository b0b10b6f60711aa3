import { describe, expect, it } from "vitest";
import machine from "whatwg-url/lib/url-state-machine.js";
import { parsePlainUrl } from "./plain-url.ts";

const PIECES = {
  scheme: ["http", "https", "http", "https", "HTTP", "ftp", "ws", "file", ""],
  slashes: ["://", "://", "://", "://", ":", ":/", ":///", ":\\\\"],
  user: ["", "", "", "", "a@", "a:b@", "@"],
  host: [
    ...[
      "localhost",
      "example.com",
      "a-b.c1.io",
      "127.0.0.1",
      "0.0.0.0",
      "255.255.255.255",
      "1.2.3",
      "1.2.3.4.5",
    ],
    ...[
      "256.1.1.1",
      "01.2.3.4",
      "0x7f.1",
      "a.0x1",
      "a.1",
      "1.a",
      "xn--bcher-kva.de",
      "a.xn--x",
      "-a",
      "a-",
      "a..b",
    ],
    ...["a.", ".a", "A.com", "ü.de", "[::1]", "a_b", "a%20b", "", "9", "a.9a", "a.a9"],
  ],
  port: ["", "", ":80", ":443", ":8080", ":0", ":00080", ":65535", ":65536", ":99999", ":", ":a", ":1234567"],
  path: [
    ...[
      "",
      "/",
      "/a/b",
      "/a//b/",
      "/.",
      "/..",
      "/a/./b",
      "/a/../b",
      "/.a",
      "/a.",
      "/...",
      "/%2e",
      "/a%2E/b",
      "/%2E%2e",
    ],
    ...[
      "/%41%zz%",
      "/a b",
      "/ü",
      "/a|b",
      "/a^b",
      "/a\\b",
      "/a'b\"c",
      "/a;b=c,d",
      "/@:x",
      "/<>",
      "/`{}",
      "/\t",
    ],
  ],
  query: ["", "?", "?a=b", "?a=b&c=d?e", "?a'b", "?a b", "?ü", '?"', "?%zz", "?/a:@", "?a#b", "?a|b"],
  fragment: ["", "", "", "#", "#a"],
  end: ["", "", "", " ", "\n"],
};

describe("a plain URL", () => {
  it("has the record that the URL parser gives, or goes through it", () => {
    let state = 1;
    const pick = (from: readonly string[]) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      // The first characters, which are plain, are the most frequent.
      return from[Math.floor((state / 2 ** 32) ** 3 * from.length)] ?? "";
    };
    const base = machine.basicURLParse("https://base.example/x?y#z") ?? undefined;
    let plain = 0;
    for (let round = 0; round < 100_000; round++) {
      const url = Object.values(PIECES).map(pick).join("");
      const quick = parsePlainUrl(url);
      if (quick === undefined) continue;
      plain += 1;
      expect([url, quick]).toEqual([url, machine.basicURLParse(url)]);
      expect([url, quick]).toEqual([url, machine.basicURLParse(url, { baseURL: base })]);
    }
    expect(plain).toBeGreaterThan(1_000);
  });

  it.each([
    "http://127.0.0.1:8080/hello",
    "https://api.example.com/v1/users/42?fields=name,mail&sort=-age",
    "http://localhost",
    "http://a.example/%C3%BC?q=%20",
  ])("%s is one", (url) => {
    expect(parsePlainUrl(url)).toEqual(machine.basicURLParse(url));
  });
});
