/**
 * The requests that one client of the fuzz writes on its connection, and the expected answers.
 *
 * I1  Every complete valid request is followed by its answer, in order.
 * I2  At most one request ends the connection, and it is the last: it is unreadable, closes the connection, or stays
 *     incomplete.
 */
import type { Random } from "../soak/random.ts";

/** An expected answer. */
export interface Expected {
  method: string;
  /** Any of these statuses. */
  statuses: readonly number[];
  /** The body of an answer that is not an error. */
  body?: string;
}

export interface Script {
  /** The bytes, divided into the pieces that are written. */
  pieces: Buffer[];
  expected: Expected[];
  /**
   * After the last answer the gateway closes the connection, or waits for more. A client that leaves or resets its connection
   * does so right after writing its pieces, and may not see all answers.
   */
  ending: Ending | "leaves" | "resets";
  /** Whether the client closes its direction after its pieces, and waits for the answers. */
  isHalfClosed: boolean;
  /** The names of the written parts, for messages. */
  names: string[];
}

type Ending = "closes" | "waits";

/** One request, or other bytes in its place. */
interface Part {
  name: string;
  bytes: string;
  answer?: Expected;
  ending?: Ending;
}

type Make = (random: Random, id: string) => Part;

const MAX_REQUESTS = 8;

export function createScript(random: Random, id: number): Script {
  const parts = Array.from({ length: random.between(0, MAX_REQUESTS) }, (_, n) =>
    random.pick(ORDINARY)(random, `${id}-${n}`),
  );
  const last = random.between(0, 3) > 0 ? random.pick(LAST)(random, `${id}-last`) : undefined;
  if (last !== undefined) parts.push(last);
  // Bytes behind the last request are not read.
  const rest = last?.ending === "closes" && random.between(0, 2) === 0 ? get("/fn?behind") : "";
  const bytes = Buffer.from(parts.map((part) => part.bytes).join("") + rest, "latin1");
  const pieces = cut(random, bytes);
  const isLeaving = random.between(0, 9) === 0;
  const isHalfClosed = !isLeaving && last?.ending !== "waits" && random.between(0, 4) === 0;
  const usual = isHalfClosed ? "closes" : (last?.ending ?? "waits");
  const ending = isLeaving ? random.pick<"leaves" | "resets">(["leaves", "resets"]) : usual;
  return {
    pieces: isLeaving ? pieces.slice(0, random.between(0, pieces.length)) : pieces,
    expected: parts.flatMap(({ answer }) => (answer === undefined ? [] : [answer])),
    ending,
    isHalfClosed,
    names: [...parts.map(({ name }) => name), isHalfClosed ? "half-closed" : ending],
  };
}

/** Approximate upper bound of the pieces: tens of thousands of single bytes take seconds. */
const MAX_PIECES = 1_000;

/** Mostly few pieces, sometimes single bytes. */
function cut(random: Random, bytes: Buffer): Buffer[] {
  const wanted = random.pick([bytes.length, bytes.length, 2_000, 200, 20, 1]);
  const longest = Math.max(wanted, Math.ceil((2 * bytes.length) / MAX_PIECES));
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = random.between(1, Math.max(1, Math.min(longest, bytes.length - at)));
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const HOST = "Host: test\r\n";
const get = (target: string, fields = "", version = "1.1") =>
  `GET ${target} HTTP/${version}\r\n${HOST}${fields}\r\n`;
const served = (id: string, length = 0, method = "GET"): Expected => ({
  method,
  statuses: [200],
  body: `${id} ${length}`,
});
const refused = (...statuses: number[]): Expected => ({ method: "GET", statuses });

function chunked(random: Random, length: number): string {
  let chunks = "";
  for (let left = length; left > 0; ) {
    const size = random.between(1, left);
    const extension = random.pick(["", "", ";a=b", ';c="d;e"']);
    chunks += `${random.pick(["", "00"])}${size.toString(16)}${extension}\r\n${"c".repeat(size)}\r\n`;
    left -= size;
  }
  return `${chunks}0\r\n${random.pick(["", "", "X-Sum: 1\r\n"])}\r\n`;
}

const ORDINARY: readonly [Make, ...Make[]] = [
  (_random, id) => ({ name: "GET", bytes: get(`/fn?${id}`), answer: served(id) }),
  (_random, id) => ({ name: "slow GET", bytes: get(`/slow?${id}`), answer: served(id) }),
  (_random, id) => ({ name: "line before", bytes: `\r\n${get(`/fn?${id}`)}`, answer: served(id) }),
  (_random, id) => ({
    name: "absolute",
    bytes: get(`http://other.test:1/fn?${id}`),
    answer: served(id),
  }),
  (_random, id) => ({
    name: "HEAD",
    bytes: get(`/fn?${id}`).replace("GET", "HEAD"),
    answer: { method: "HEAD", statuses: [200] },
  }),
  (random, id) => {
    const length = random.between(0, random.pick([10, 20_000, 100_000]));
    const bytes = `POST /whole?${id} HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n\r\n${"b".repeat(length)}`;
    return { name: `POST of ${length}`, bytes, answer: served(id, length, "POST") };
  },
  (random, id) => {
    const length = random.between(0, random.pick([10, 20_000, 100_000]));
    const bytes = `POST /whole?${id} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${chunked(random, length)}`;
    return { name: `chunked POST of ${length}`, bytes, answer: served(id, length, "POST") };
  },
  (_random, id) => ({
    name: "POST that asks",
    bytes: `POST /whole?${id} HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\nask`,
    answer: served(id, 3, "POST"),
  }),
  () => ({ name: "no route", bytes: get("/nowhere"), answer: refused(404) }),
  (random) => {
    const length = random.between(0, 5_000);
    const bytes = `POST /only-get HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n\r\n${"u".repeat(length)}`;
    return { name: `refused POST of ${length}`, bytes, answer: { method: "POST", statuses: [405] } };
  },
];

const WEBSOCKET =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n";

const closing = (name: string, bytes: string, answer: Expected): Make => {
  return () => ({ name, bytes, answer, ending: "closes" });
};
const waiting = (name: string, bytes: string): Make => {
  return () => ({ name, bytes, ending: "waits" });
};

const LAST: readonly [Make, ...Make[]] = [
  (_random, id) => ({
    name: "GET that closes",
    bytes: get(`/fn?${id}`, "Connection: close\r\n"),
    answer: served(id),
    ending: "closes",
  }),
  (_random, id) => ({
    name: "HTTP/1.0",
    bytes: get(`/fn?${id}`, "", "1.0"),
    answer: served(id),
    ending: "closes",
  }),
  (_random, id) => ({
    name: "WebSocket that is not accepted",
    bytes: get(`/fn?${id}`, WEBSOCKET),
    answer: served(id),
    ending: "closes",
  }),
  (_random, id) => ({
    name: "wish for another protocol",
    bytes: get(`/fn?${id}`, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
    answer: served(id),
    ending: "closes",
  }),
  // Behind an unfinished answer it is an ordinary request, which the function answers in another way.
  () => ({ name: "WebSocket", bytes: get("/socket", WEBSOCKET), answer: refused(101, 426), ending: "waits" }),
  closing("garbage", "garbage\r\n\r\n", refused(400)),
  closing("bytes of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", refused(400)),
  closing("a method that is none", "FOO / HTTP/1.1\r\nHost: test\r\n\r\n", refused(400)),
  closing("a version that is none", get("/fn", "", "9.9"), refused(400)),
  closing("a field that is none", get("/fn", "Bad Field\r\n"), refused(400)),
  closing("no Host", "GET /fn HTTP/1.1\r\n\r\n", refused(400)),
  closing("two Hosts", get("/fn", HOST), refused(400)),
  closing("two lengths", get("/fn", "Content-Length: 1\r\nContent-Length: 2\r\n"), refused(400)),
  closing(
    "a length and chunks",
    get("/fn", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    refused(400),
  ),
  closing("a length that is none", get("/fn", "Content-Length: 1x\r\n"), refused(400)),
  closing(
    "a chunk that is none",
    `${get("/fn", "Transfer-Encoding: chunked\r\n")}3\r\nabc\r\nzz\r\n`,
    refused(400),
  ),
  closing("too many fields", get("/fn", `X-Long: ${"l".repeat(17_000)}\r\n`), refused(431)),
  closing("a tunnel", `CONNECT test:443 HTTP/1.1\r\n${HOST}\r\n`, refused(405)),
  waiting("half a request line", "GET /fn?ha"),
  waiting("half a head", `GET /fn HTTP/1.1\r\n${HOST}X-Ha`),
  waiting("half a body", `${get("/fn", "Content-Length: 100\r\n").replace("GET", "POST")}half`),
  waiting("half a chunk", `${get("/fn", "Transfer-Encoding: chunked\r\n").replace("GET", "POST")}ff\r\nhalf`),
  waiting("half a WebSocket", get("/socket", WEBSOCKET).slice(0, -10)),
];
