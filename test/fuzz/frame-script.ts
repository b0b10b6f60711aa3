/**
 * The bytes that a lying host sends on one connection: valid frames, frames with any lie, changed and cut ones, by a random
 * source.
 */
import { FrameBatch, SOCKET_VERSION, socketFrames } from "../../contracts/index.ts";
import type { Random } from "../soak/random.ts";

/** The numbers that a host can put into a frame. */
export interface Numbers {
  /** Requests under way on its connection. */
  own: readonly [number, ...number[]];
  /** Requests under way on the connections of other hosts. */
  foreign: readonly [number, ...number[]];
}

/** The beginning of a connection. */
export interface Greeting {
  /** The hello of the host. */
  bytes: Buffer;
  /** It is no hello that a gateway accepts. */
  isStrange: boolean;
}

/** The bytes behind a greeting. */
export interface Frames {
  /** As they are written. */
  pieces: Buffer[];
  /** Whether the pieces leave in different turns of the event loop. */
  isSlow: boolean;
  /** The names of the parts, for messages. */
  names: string[];
}

export interface FrameScript extends Frames {
  greeting: Buffer;
  /** Whether the frames are written with the greeting: before any request has come. */
  isEarly: boolean;
}

type Write = (batch: FrameBatch, random: Random, numbers: Numbers) => void;

const MAX_FRAMES = 8;

/** Every answer of a lying host has this beginning: its connection may carry no other. */
const LIE = "lie";

export function createFrameScript(random: Random, machine: string, numbers: Numbers): FrameScript {
  const { bytes: greeting, isStrange } = createGreeting(random, machine);
  const isEarly = isStrange || random.between(0, 9) === 0;
  return { greeting, isEarly, ...createFrames(random, numbers) };
}

export function createGreeting(random: Random, machine: string): Greeting {
  const isStrange = random.between(0, 9) === 0;
  return { bytes: isStrange ? random.pick(GREETINGS)(random) : hello(machine), isStrange };
}

export function createFrames(random: Random, numbers: Numbers): Frames {
  const names: string[] = [];
  const parts = Array.from({ length: random.between(0, MAX_FRAMES) }, () => {
    const [name, write] = random.pick(FRAMES);
    const change = random.between(0, 3) === 0 ? random.pick(CHANGES) : undefined;
    names.push(change === undefined ? name : `${name} (${change[0]})`);
    const bytes = framesOf((batch) => write(batch, random, numbers));
    return change === undefined ? bytes : change[1](bytes, random);
  });
  const all = Buffer.concat(parts);
  const bytes = random.between(0, 4) === 0 ? all.subarray(0, random.between(0, all.length)) : all;
  return { pieces: cut(random, bytes), isSlow: random.between(0, 3) === 0, names };
}

function framesOf(write: (batch: FrameBatch) => void): Buffer {
  const batch = new FrameBatch();
  write(batch);
  return Buffer.concat(batch.take());
}

function hello(machine: string, version = SOCKET_VERSION): Buffer {
  return framesOf((batch) => batch.hello(JSON.stringify({ version, machine })));
}

const GREETINGS: readonly [(random: Random) => Buffer, ...((random: Random) => Buffer)[]] = [
  () => Buffer.alloc(0),
  (random) => random.bytes(random.between(1, 300)),
  () => hello("another machine"),
  () => framesOf((batch) => batch.hello("no JSON")),
  () => framesOf((batch) => batch.hello("[".repeat(4_000))),
  () => framesOf((batch) => batch.hello("x".repeat(100_000))),
  () => hello("0".repeat(32), SOCKET_VERSION + 1),
];

/** Mostly few pieces, sometimes single bytes. */
function cut(random: Random, bytes: Buffer): Buffer[] {
  const longest = Math.max(random.pick([bytes.length, bytes.length, 4_000, 100, 1]), bytes.length / 50, 1);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieces.at(-1)?.length ?? 1)
    pieces.push(bytes.subarray(at, at + random.between(1, longest)));
  return pieces;
}

const own = (random: Random, { own: [first, ...others] }: Numbers) => random.pick([first, ...others]);
const foreign = (random: Random, { foreign: [first, ...others] }: Numbers) => random.pick([first, ...others]);
const blockOf = (random: Random) =>
  random.pick([
    "",
    "content-type\ntext/plain\n",
    "a\nb\nc",
    "\n\n",
    "x\n\xff\0\n",
    `x\n${"v".repeat(20_000)}\n`,
    "content-length\n3\n",
    "content-length\n99999\n",
    "transfer-encoding\nchunked\n",
    "connection\nupgrade\nupgrade\nwebsocket\n",
    "set-cookie\na=b\nset-cookie\nc=d\n",
    "x-a\nb\r\n\r\nHTTP/1.1 200 OK\n",
  ]);
const statusOf = (random: Random) => random.pick([200, 200, 200, 101, 204, 304, 404, 500]);
const bodyOf = (random: Random) =>
  random.pick([undefined, LIE, LIE + "x".repeat(random.between(0, 40_000)), Buffer.from(LIE)]);

const TEXTS = [
  ...["data 0", "data 1", "data 999999999999999", "text 0", "binary 0 more", "text 1", "end 0", "end 1 1000"],
  ...[
    "break 0 CPU_LIMIT",
    "break 0",
    "credit 1",
    "credit 262144",
    "credit 999999999999999",
    "cancel X",
    "drain",
  ],
] as const;
const NO_TEXTS = [
  "",
  "data",
  "data -1",
  "data 1e5",
  "credit",
  "credit x",
  "hello 1",
  "data 0 1 2 3",
  "\n",
  "\xff",
];

const FRAMES: readonly [[string, Write], ...[string, Write][]] = [
  [
    "response",
    (batch, random, all) =>
      batch.response(own(random, all), statusOf(random), blockOf(random), bodyOf(random)),
  ],
  ["head", (batch, random, all) => batch.head(own(random, all), statusOf(random), blockOf(random))],
  [
    "error",
    (batch, random, all) => batch.error(own(random, all), "CPU_LIMIT", random.pick([undefined, 50, -1, 0.5])),
  ],
  [
    "frame",
    (batch, random, all) =>
      batch.stream(own(random, all), random.pick(TEXTS), blockOf(random), bodyOf(random)),
  ],
  ["refusal", (batch, random, all) => batch.error(own(random, all), "INSTANCE_DRAINING", undefined)],
  ["foreign response", (batch, random, all) => batch.response(foreign(random, all), 200, "", bodyOf(random))],
  ["foreign head", (batch, random, all) => batch.head(foreign(random, all), 200, "")],
  ["foreign error", (batch, random, all) => batch.error(foreign(random, all), "CPU_LIMIT", undefined)],
  ["foreign frame", (batch, random, all) => batch.stream(foreign(random, all), random.pick(TEXTS), "", LIE)],
  ["wrong number", (batch, random) => batch.response(random.between(0, 2 ** 48 - 1), 200, "", LIE)],
  [
    "wrong status",
    (batch, random, all) => batch.response(own(random, all), random.between(0, 65_535), "", LIE),
  ],
  [
    "unknown error",
    (batch, random, all) => batch.error(own(random, all), random.pick(["", "X", "x".repeat(255)]), 1),
  ],
  [
    "wrong frame",
    (batch, random, all) => batch.stream(own(random, all), random.pick(["x", ...NO_TEXTS]), "", LIE),
  ],
  ["request", (batch, random, all) => batch.request(own(random, all), 7, 1, 0, 1_000, "GET\n", undefined)],
  ["hello", (batch) => batch.hello("{}")],
  ["ping", (batch, random) => batch.ping(random.between(0, 3))],
  ["leave", (batch) => batch.leave()],
];

type Change = (bytes: Buffer, random: Random) => Buffer;

const CHANGES: readonly [[string, Change], ...[string, Change][]] = [
  ["flipped", (bytes, random) => flip(bytes, random.between(0, bytes.length - 1), random)],
  [
    "flipped in its head",
    (bytes, random) => flip(bytes, random.between(0, Math.min(30, bytes.length - 1)), random),
  ],
  [
    "wrong length",
    (bytes, random) => setLength(bytes, random.pick([0, 6, 7, 8, 100, 9_000_000, 2 ** 31, 2 ** 32 - 1])),
  ],
  [
    "length beside",
    (bytes, random) => setLength(bytes, Math.max(0, bytes.length - 4 + random.between(-3, 3))),
  ],
  ["unknown type", (bytes, random) => setType(bytes, random.between(Object.keys(socketFrames).length, 255))],
  ["any type", (bytes, random) => setType(bytes, random.between(0, Object.keys(socketFrames).length - 1))],
  ["shortened", (bytes, random) => bytes.subarray(0, random.between(0, bytes.length))],
  ["twice", (bytes) => Buffer.concat([bytes, bytes])],
  ["noise before", (bytes, random) => Buffer.concat([random.bytes(random.between(1, 20)), bytes])],
  ["only noise", (_bytes, random) => random.bytes(random.between(1, 2_000))],
];

function flip(bytes: Buffer, at: number, random: Random): Buffer {
  bytes[at] = random.between(0, 255);
  return bytes;
}

function setLength(bytes: Buffer, length: number): Buffer {
  bytes.writeUInt32LE(length, 0);
  return bytes;
}

function setType(bytes: Buffer, type: number): Buffer {
  bytes[4] = type;
  return bytes;
}
