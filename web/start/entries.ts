/**
 * The entries into the isolate (batch.ts), and the answers that the calls return.
 *
 * I1  Microtasks run by V8's own function, which no script can call: it is compiled into the snapshot only. So all that an
 *     entry can do without the host is done under its owner (owner.ts).
 * I2  Code that V8 interrupts takes its entry with it, and no other: messages and answers outlive the call.
 */
import { refillLogBudget } from "../console/log-line.ts";
import { type Answer, joinAnswer, placeOf, RECEIVED, splitAnswers } from "../host/batch.ts";
import { type EnterMessage, MICROTASKS_GLOBAL, PostOp } from "../host/boundary.ts";
import { postChunks } from "../host/gathered-chunks.ts";
import { joinCalls, postCalls, postToHost } from "../host/host-link.ts";
import { setOwner } from "./owner.ts";

type Dispatch = (message: EnterMessage, extras: readonly unknown[]) => unknown;

const { parse } = JSON;
const { now } = Date;
const globals = globalThis as unknown as Record<string, () => void>;
const runMicrotasks = globals[MICROTASKS_GLOBAL] as () => void;
Reflect.deleteProperty(globalThis, MICROTASKS_GLOBAL);

/** Messages that have not run: those of one call behind those of another. */
interface Waiting {
  readonly messages: readonly EnterMessage[];
  readonly extras: readonly unknown[];
  readonly firstNumber: number;
  /** The index of the next message. */
  at: number;
  next: Waiting | undefined;
}

let first: Waiting | undefined;
let last: Waiting | undefined;
/** `Progress`, in memory that the host reads. */
let progress: Float64Array<SharedArrayBuffer> | undefined;

export function noteEntries(memory: SharedArrayBuffer): void {
  progress = new Float64Array(memory);
}

function note(place: number, number: number): void {
  if (progress !== undefined) progress[place] = number;
}

/** Runs messages for as long as the call may take. Returns the answers; undefined where no entry may begin. */
export function runEntries(
  call: number,
  firstNumber: number,
  limitMs: number,
  pack: string,
  extras: readonly unknown[],
  mayBegin: () => boolean,
  dispatch: Dispatch,
): string | undefined {
  const messages = parse(pack) as EnterMessage[];
  put({ messages, extras, firstNumber, at: 0, next: undefined });
  const startedAt = now();
  isGathering = true;
  joinCalls();
  for (let waiting = first; waiting !== undefined; waiting = first) {
    refillLogBudget();
    setOwner(0);
    if (!mayBegin()) {
      postPending();
      postCalls();
      return undefined;
    }
    note(placeOf(call), waiting.firstNumber + waiting.at);
    const message = waiting.messages[waiting.at] as EnterMessage;
    waiting.at += 1;
    if (waiting.at === waiting.messages.length) leave(waiting);
    dispatch(message, waiting.extras);
    runMicrotasks();
    if (whenDrained.length > 0) runDrained();
    if (now() - startedAt >= limitMs) break;
  }
  isGathering = false;
  postChunks();
  postCalls();
  return takeAnswers();
}

const whenDrained: (() => void)[] = [];

/** Calls back when all microtasks of the entry have run. */
export function onDrained(callback: () => void): void {
  whenDrained.push(callback);
}

function runDrained(): void {
  for (let next = whenDrained.shift(); next !== undefined; next = whenDrained.shift()) {
    next();
    runMicrotasks();
  }
}

function put(waiting: Waiting): void {
  const { length } = waiting.messages;
  if (length === 0) return;
  note(RECEIVED, waiting.firstNumber + length - 1);
  if (first === undefined) first = waiting;
  else if (last !== undefined) last.next = waiting;
  last = waiting;
}

/** A link to the next one would keep that from V8's collector. */
function leave(waiting: Waiting): void {
  first = waiting.next;
  waiting.next = undefined;
  if (first === undefined) last = undefined;
}

/** Upper bound of the length of an answer that a call returns, and of all of them together. */
const MAX_ANSWER_LENGTH = 4 * 1024;
const MAX_ANSWERS_LENGTH = 64 * 1024;

let isGathering = false;
/** The answers that exist, of calls that have not returned. */
let answers = "";
/** The results of the last two calls, as the host has up to two under way: one of them may not arrive. */
let returned = "";
let returnedBefore = "";

function mayGather(length: number): boolean {
  return isGathering && length <= MAX_ANSWER_LENGTH && answers.length + length <= MAX_ANSWERS_LENGTH;
}

/** Answers a request with a text, or with no body. */
export function answerText(id: number, status: number, headerBlock: string, body: string | undefined): void {
  const text = body ?? "";
  if (mayGather(headerBlock.length + text.length)) answers += joinAnswer(id, status, headerBlock, text);
  else postToHost(PostOp.response, id, status, headerBlock, body);
}

/** The number of the last message of a WebSocket. */
let messages = 0;

/** Sends a message of a WebSocket to the host. */
export function sendMessage(id: number, data: string | ArrayBuffer): void {
  messages += 1;
  if (typeof data === "string" && mayGather(data.length)) {
    answers += joinAnswer(id, -messages, "", data);
    return;
  }
  const number = messages;
  postGathered();
  postToHost(PostOp.socketMessage, id, data, number);
}

/** Posts all that the host may not have. */
export function postGathered(): void {
  const earlier = [returnedBefore, returned];
  returnedBefore = "";
  returned = "";
  for (const result of earlier) splitAnswers(result, post);
  postPending();
}

function takeAnswers(): string {
  returnedBefore = returned;
  returned = answers;
  answers = "";
  return returned;
}

/** The result of a call did not arrive: its answers are posted. The host ignores the ones that it has. */
export function postLost(): void {
  setOwner(0);
  postCalls();
  postGathered();
  postChunks();
}

function postPending(): void {
  const pending = answers;
  answers = "";
  splitAnswers(pending, post);
}

function post({ id, status, headerBlock, body }: Answer): void {
  if (status < 0) postToHost(PostOp.socketMessage, id, body, -status);
  else postToHost(PostOp.response, id, status, headerBlock, body);
}
