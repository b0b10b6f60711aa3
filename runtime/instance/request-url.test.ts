import { expect, it } from "vitest";
import { isHost, urlOf } from "./request-url.ts";

const PIECES = [
  ...["/", "//", ".", "..", "%2e", "%2E%2e", "a", "Z9", "%41", "%c3%a9", "é", "%", "%zz", "~", "_", "-"],
  ..."!$&'()*+,;=:@[]{}|\\^`\"<>#? \t\n\0\x7f".split(""),
];
const HOSTS = [
  "h",
  "H.example",
  "h:80",
  "h:443",
  "h:8080",
  "127.1",
  "[::1]:9",
  "a b",
  "h:x",
  "",
  "u@h",
  "xn--a",
  "ü.de",
  "h.",
];

function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

it("is the one that a URL parser makes of the whole, for any path, query and host", () => {
  const random = randomFrom(1);
  const text = (most: number) =>
    Array.from({ length: random(most) }, () => PIECES[random(PIECES.length)]).join("");
  let plain = 0;
  for (let n = 0; n < 50_000; n++) {
    const target = {
      scheme: random(2) === 0 ? ("http" as const) : ("https" as const),
      host: HOSTS[random(HOSTS.length)] ?? "",
      rawPath: `/${text(7)}`,
      query: random(2) === 0 ? "" : text(5),
    };
    const { scheme, host, rawPath, query } = target;
    const path = `${rawPath}${query === "" ? "" : `?${query}`}`;
    const whole = isHost(host) ? URL.parse(`${scheme}://${host}${path}`) : null;
    const expected = (whole ?? URL.parse(`${scheme}://service${path}`))?.href;
    expect([target, urlOf(target, "service")]).toEqual([target, expected]);
    if (expected?.endsWith(path) === true) plain += 1;
  }
  expect(plain).toBeGreaterThan(1_000);
});
