/**
 * One connection of a program to NATS, through its node: commands go both ways as they are, but for these.
 *
 * I1  The program logs in with a password of its own, or is known by its process; the node's login never reaches it. It
 *     learns no other server's address.
 * I2  A subject that its rules do not permit is refused as a server refuses it.
 * I3  Requests that gateways send to the instance alone reach the program's subscription of its service.
 * I4  Its answers to discovery carry narun's metadata besides its own.
 * I5  Words of a consumer of narun's package about itself go nowhere: its node says them.
 * I6  A request on the service's own subject carries no mark of a trigger: every client may send there.
 * I7  Bytes that one side does not take hold back the other side.
 */
import type { Socket } from "node:net";
import { matchesSubject } from "../../contracts/index.ts";
import { type Command, CommandFault, CommandReader, writeCommand } from "./command-reader.ts";
import type { Dialled } from "./dial.ts";
import { discoveryAnswer, type Registration, registrationOf } from "./discovery-answer.ts";
import { guestMessageOf, payloadOf, type TraceGuest } from "./guest-message.ts";
import type { GuestRequests } from "./guest-requests.ts";
import type { GuestRules } from "./guest-rules.ts";

export interface GuestConnectionOptions {
  /** The name of the connection in the server's reports. */
  name: string;
  /** The subject of its requests, and the name that it has to register. */
  service: string;
  /** The subject of requests for this instance alone, on the wire. Undefined: it gets no requests at all. */
  direct: string | undefined;
  rules: GuestRules;
  requests: GuestRequests;
  /** Goes into its answers to discovery. */
  metadata: Readonly<Record<string, string>>;
  stats(): unknown;
  /** Looks at requests for traces. Default: nothing does. */
  trace?: TraceGuest | undefined;
  /** Whether the program may use this connection. */
  admits(user: unknown, password: unknown): boolean;
  onRegistered(registration: Registration): void;
  /** The program used a subject that it may not use. */
  onRefused(what: string): void;
}

/** The number of the subscription to `direct`. Programs number theirs otherwise. */
const DIRECT_SID = "narundirect";
/** The subject of answers to the door's own question. */
const OWN_REPLY = "_NARUN.registered";
/** Upper bound of the questions of discovery that wait for an answer. */
const MAX_QUESTIONS = 1_000;
const DEFAULT_MAX_PAYLOAD = 1_048_576;
/** Facts of the server's greeting that a program does not get: they are about the node's login and other servers. */
const HIDDEN = [
  "connect_urls",
  "ws_connect_urls",
  "nonce",
  "xkey",
  "cluster",
  "tls_required",
  "tls_available",
];

export class GuestConnection {
  readonly #options: GuestConnectionOptions;
  readonly #program: Socket;
  readonly #server: Socket;
  readonly #login: Record<string, unknown>;
  #maxPayload: number;
  #isIn = false;
  #isVerbose = false;
  /** The program is a consumer of narun's own package, and speaks as if it were not behind a door. */
  #isConsumer = false;
  /** The numbers of its subscriptions to the service, and to questions of discovery. */
  readonly #serviceSids = new Set<string>();
  readonly #pingSids = new Set<string>();
  /** The waiter for each PONG of the server; undefined for the program's own PING. */
  readonly #pongs: ((() => void) | undefined)[] = [];
  /** The reply subjects of questions of discovery. */
  readonly #questions = new Set<string>();
  readonly #open = new Set<string>();
  #registered: "no" | "asked" | "yes" = "no";

  constructor(program: Socket, dialled: Dialled, options: GuestConnectionOptions) {
    this.#options = options;
    this.#program = program;
    this.#server = dialled.socket;
    this.#login = dialled.login;
    this.#maxPayload = maxPayloadOf(dialled.info);
    this.#pipe(
      program,
      new CommandReader(this.#reader((command) => this.#fromProgram(command))),
      this.#server,
    );
    this.#pipe(
      this.#server,
      new CommandReader(this.#reader((command) => this.#fromServer(command))),
      program,
    );
    this.#greet(dialled.info);
  }

  /** Takes no requests any more; resolves when all that the server had sent were handed over. */
  async drain(): Promise<void> {
    if (this.#server.destroyed) return;
    for (const sid of this.#serviceSids) this.#toServer(`UNSUB ${sid}`);
    if (this.#serviceSids.size > 0) this.#toServer(`UNSUB ${DIRECT_SID}`);
    await this.#confirm();
  }

  close(): void {
    this.#program.destroy();
    this.#server.destroy();
    this.#forget();
  }

  #reader(onCommand: (command: Command) => void) {
    return { onCommand, maxPayload: () => this.#maxPayload };
  }

  #pipe(from: Socket, reader: CommandReader, to: Socket): void {
    from.on("data", (chunk: Buffer) => {
      try {
        reader.feed(chunk);
      } catch (error) {
        const why = error instanceof CommandFault ? error.message : "Parser Error";
        if (from === this.#program) this.#refuse(why, "end");
        else this.#end();
        return;
      }
      if (to.writableNeedDrain) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("error", () => undefined).on("close", () => this.#end());
    from.resume();
  }

  /** Lets the last words to the program leave. */
  #end(): void {
    this.#server.destroy();
    this.#program.end();
    setTimeout(() => this.#program.destroy(), 100).unref();
    this.#forget();
  }

  /** Requests of a connection that ended have no answer. */
  #forget(): void {
    for (const reply of this.#open) this.#options.requests.drop(reply);
    this.#open.clear();
    for (const done of this.#pongs.splice(0)) done?.();
  }

  #greet(info: Record<string, unknown>): void {
    this.#maxPayload = maxPayloadOf(info, this.#maxPayload);
    const shown = Object.fromEntries(Object.entries(info).filter(([key]) => !HIDDEN.includes(key)));
    this.#toProgram(`INFO ${JSON.stringify({ ...shown, auth_required: true })}`);
  }

  #fromProgram(command: Command): void {
    const { verb, line } = command;
    if (verb === "CONNECT") this.#connect(line);
    else if (!this.#isIn) this.#refuse("Authorization Violation", "end");
    else {
      if (this.#isVerbose && verb !== "PONG" && verb !== "PING") this.#toProgram("+OK");
      this.#obey(command);
    }
  }

  #obey(command: Command): void {
    switch (command.verb) {
      case "PING":
        this.#pongs.push(undefined);
        this.#toServer(command.line);
        break;
      case "PONG":
        this.#toServer(command.line);
        break;
      case "SUB":
        this.#subscribe(command);
        break;
      case "UNSUB":
        this.#unsubscribe(command);
        break;
      case "PUB":
      case "HPUB":
        this.#publish(command);
        break;
      default:
        this.#refuse("Unknown Protocol Operation", "end");
    }
  }

  #connect(line: string): void {
    const wanted = objectIn(line);
    if (wanted === undefined || !this.#options.admits(wanted.user, wanted.pass)) {
      this.#refuse("Authorization Violation", "end");
      return;
    }
    this.#isIn = true;
    this.#isVerbose = wanted.verbose === true;
    this.#isConsumer = wanted.name === consumerName(this.#options.service);
    const { echo, protocol, lang, version, headers, no_responders } = wanted;
    const own = { echo, protocol, lang, version, headers, no_responders, name: this.#options.name };
    const settings = { ...own, verbose: false, pedantic: false, tls_required: false, ...this.#login };
    this.#toServer(`CONNECT ${JSON.stringify(settings)}`);
    if (this.#isVerbose) this.#toProgram("+OK");
  }

  #subscribe({ words, line }: Command): void {
    const [subject = "", sid = ""] = [words[0], words.at(-1)];
    const { rules, service, direct } = this.#options;
    if (this.#isConsumer && isAboutItself(subject)) return;
    if (!rules.maySubscribe(subject)) {
      this.#options.onRefused(`it may not hear ${subject}`);
      this.#refuse(`Permissions Violation for Subscription to "${subject}"`);
      return;
    }
    const isService = subject === service;
    const isDiscovery = subject.startsWith("$SRV.");
    // A trial takes no requests, and no client finds it.
    if (direct !== undefined || !(isService || isDiscovery)) this.#toServer(line);
    if (isService) {
      if (direct !== undefined && this.#serviceSids.size === 0)
        this.#toServer(`SUB ${direct} q ${DIRECT_SID}`);
      this.#serviceSids.add(sid);
    }
    if (isDiscovery && matchesSubject(subject, `$SRV.PING.${service}`)) this.#pingSids.add(sid);
    this.#ask();
  }

  /** Asks the program which service it has registered, when it seems to have one. */
  #ask(): void {
    const [sid] = this.#pingSids;
    if (this.#registered !== "no" || sid === undefined || this.#serviceSids.size === 0) return;
    this.#registered = "asked";
    this.#toProgram(`MSG $SRV.PING.${this.#options.service} ${sid} ${OWN_REPLY} 0`, NOTHING);
  }

  async #onAnswer(payload: Buffer): Promise<void> {
    const registration = registrationOf(payload);
    if (this.#registered !== "asked") return;
    this.#registered = registration?.name === this.#options.service ? "yes" : "no";
    if (registration === undefined || this.#registered === "no") return;
    // Its subscriptions left before on the same connection: the server has them when it answers this.
    if (await this.#confirm()) this.#options.onRegistered(registration);
  }

  #unsubscribe({ words, line }: Command): void {
    const [sid = "", max] = words;
    this.#toServer(line);
    if (max !== undefined) return;
    this.#pingSids.delete(sid);
    if (this.#serviceSids.delete(sid) && this.#serviceSids.size === 0) this.#toServer(`UNSUB ${DIRECT_SID}`);
  }

  #publish({ verb, line, words, payload = NOTHING }: Command): void {
    const [subject = ""] = words;
    const { requests, rules } = this.#options;
    const body = verb === "HPUB" ? payload.subarray(Number(words.at(-2))) : payload;
    if (subject === OWN_REPLY) void this.#onAnswer(body);
    else if (this.#questions.delete(subject)) this.#answerQuestion(subject, body);
    else if (requests.answer(subject, () => guestMessageOf(payload, payload.byteLength - body.byteLength))) {
      this.#open.delete(subject);
      this.#toServer(line, payload);
    } else if (this.#isConsumer && isAboutItself(subject)) return;
    else if (rules.mayPublish(subject)) this.#toServer(line, payload);
    else {
      this.#options.onRefused(`it may not publish to ${subject}`);
      this.#refuse(`Permissions Violation for Publish to "${subject}"`);
    }
  }

  #answerQuestion(subject: string, body: Buffer): void {
    const { metadata, stats } = this.#options;
    const answer = discoveryAnswer(body, metadata, stats());
    this.#toServer(`PUB ${subject} ${answer.byteLength}`, answer);
  }

  #fromServer({ verb, line, words, payload }: Command): void {
    if (verb === "MSG" || verb === "HMSG") this.#deliver(verb, words, line, payload ?? NOTHING);
    else if (verb === "PONG") {
      const done = this.#pongs.shift();
      if (done === undefined) this.#toProgram(line);
      else done();
    } else if (verb === "INFO") {
      const info = objectIn(line);
      if (info !== undefined) this.#greet(info);
    } else if (verb !== "+OK") this.#toProgram(line);
  }

  #deliver(verb: string, words: string[], line: string, payload: Buffer): void {
    const [subject = "", sid = ""] = words;
    const sizes = verb === "HMSG" ? 2 : 1;
    const reply = words.length > 2 + sizes ? words[2] : undefined;
    const [own] = this.#serviceSids;
    const isDirect = sid === DIRECT_SID;
    if (isDirect || this.#serviceSids.has(sid)) {
      const { trace, requests } = this.#options;
      const isTraceable = reply !== undefined && verb === "HMSG";
      const traced = isTraceable ? trace?.(guestMessageOf(payload, Number(words.at(-2)))) : undefined;
      requests.take(reply, traced);
      if (reply !== undefined) this.#open.add(reply);
      if (traced !== undefined) {
        const { payload: changed, sizes } = payloadOf(traced);
        const target = [this.#options.service, isDirect ? (own ?? sid) : sid, reply, ...sizes];
        this.#toProgram(`HMSG ${target.join(" ")}`, changed);
        return;
      }
    } else if (reply !== undefined && subject.startsWith("$SRV.")) {
      this.#questions.add(reply);
      const [oldest = ""] = this.#questions;
      if (this.#questions.size > MAX_QUESTIONS) this.#questions.delete(oldest);
    }
    if (verb === "HMSG" && this.#serviceSids.has(sid)) unmark(payload, Number(words.at(-2)));
    const rest = words.slice(2).join(" ");
    this.#toProgram(isDirect ? `${verb} ${this.#options.service} ${own ?? sid} ${rest}` : line, payload);
  }

  /** False: the connection ended. */
  #confirm(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    if (this.#server.destroyed) return Promise.resolve(false);
    this.#pongs.push(() => resolve(!this.#server.destroyed));
    this.#toServer("PING");
    return promise;
  }

  #refuse(why: string, then: "end" | "go on" = "go on"): void {
    this.#toProgram(`-ERR '${why}'`);
    if (then === "end") this.#end();
  }

  #toProgram(line: string, payload?: Uint8Array): void {
    if (!this.#program.destroyed) this.#program.write(writeCommand(line, payload));
  }

  #toServer(line: string, payload?: Uint8Array): void {
    if (!this.#server.destroyed) this.#server.write(writeCommand(line, payload));
  }
}

const NOTHING = Buffer.alloc(0);

/** Puts a field of the same length in the place of the mark of a trigger (I6). `size`: the length of the header. */
function unmark(payload: Buffer, size: number): void {
  const header = payload.toString("latin1", 0, size);
  for (const { index } of header.matchAll(/^narun-trigger(?=\s*:)/gim))
    payload.write("Narun-Ignored", index, "latin1");
}

/** The name of the connection of a consumer of narun's package. */
export const consumerName = (service: string) => `narun consumer ${service}`;

/** Announcements, heartbeats, and lines of logs, which a program has on its output. */
const isAboutItself = (subject: string) => /^(?:narun|logs)\./.test(subject);

function maxPayloadOf(info: Record<string, unknown>, otherwise = DEFAULT_MAX_PAYLOAD): number {
  return typeof info.max_payload === "number" ? info.max_payload : otherwise;
}

/** The object behind the verb of a line. */
function objectIn(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(line.slice(line.indexOf("{")), "latin1").toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
