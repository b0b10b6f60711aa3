/**
 * One connection that carries frames, as gateway and host both use it.
 *
 * I1  Frames leave at the end of the turn of the event loop, in one write. Those of a gateway leave earlier where there are
 *     `MAX_GATHERED`, so that the host works on them meanwhile.
 * I2  Bytes that the other side wrote before it ended are read before the end is told.
 * I3  The end is told once, after the last frame.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";
import { FrameBatch, FrameSplitter, type TakeFrame } from "../contracts/index.ts";

/** How long bytes stay: `hold` returns the function that lets go of them; undefined where they have to be copied. */
export interface FrameLease {
  hold(): (() => void) | undefined;
}

export interface FrameConnectionHandlers {
  take: TakeFrame;
  /** All frames of one read were taken. */
  onRead?(): void;
  /** `take` threw, which it should not: the connection goes on with the next frame. */
  onError(error: unknown): void;
  /** A batch was handed to the operating system. */
  onSent?(): void;
  /** Bytes have left. */
  onLeft?(): void;
  /** `reason`: for operators. `isViolation`: the other side broke a rule. */
  onEnd(reason: string, isViolation: boolean): void;
}

/** Upper bound of the frames of a gateway that wait for the end of the turn. */
const MAX_GATHERED = 8;

export class FrameConnection {
  readonly batch = new FrameBatch();
  readonly splitter: FrameSplitter;
  readonly #handlers: FrameConnectionHandlers;
  readonly #socket: Socket;
  readonly #onAllLeft: (() => void)[] = [];
  readonly #flushSoon = () => {
    this.#isScheduled = false;
    this.#flush();
  };
  /** Of the frames in the batch that is being written. */
  #dones: (() => void)[] | undefined;
  readonly #maxGathered: number;
  #gathered = 0;
  #isScheduled = false;
  #isEnded = false;
  #violation = false;
  #reason = "it was closed";

  /** Connects to a path. */
  static open(path: string, handlers: FrameConnectionHandlers, onConnect: () => void): FrameConnection {
    const connection = new FrameConnection((onread) => new LateSocket({ onread }), handlers, MAX_GATHERED);
    connection.#socket.connect({ path }, onConnect);
    return connection;
  }

  /** Takes over an accepted connection, which is paused. */
  static accept(accepted: Socket, handlers: FrameConnectionHandlers): FrameConnection {
    return new FrameConnection((onread) => withOwnMemory(accepted, onread), handlers);
  }

  private constructor(
    openSocket: (onread: OnReadOpts) => Socket,
    handlers: FrameConnectionHandlers,
    maxGathered = Number.POSITIVE_INFINITY,
  ) {
    this.#maxGathered = maxGathered;
    this.#handlers = handlers;
    this.splitter = new FrameSplitter((type, number, bytes, start, end) => {
      try {
        return handlers.take(type, number, bytes, start, end);
      } catch (error) {
        handlers.onError(error);
        return true;
      }
    });
    const socket = openSocket({
      buffer: () => this.splitter.room(),
      callback: (bytes) => this.#filled(bytes),
    });
    this.#socket = socket;
    socket.on("error", (error) => {
      this.#reason = error.message;
    });
    // Without waiting for the own bytes: the other side may never read them.
    socket.on("end", () => this.close("the other side ended it"));
    socket.on("close", () => this.#end());
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Bytes that have not left yet. */
  get unsentBytes(): number {
    return this.batch.waitingBytes + this.batch.takenBytes;
  }

  /** To be called after a frame was written to the batch. `done` is called when it has left. */
  send(done?: () => void): void {
    if (done !== undefined) {
      this.#dones ??= [];
      this.#dones.push(done);
    }
    this.#gathered += 1;
    if (this.#gathered >= this.#maxGathered) {
      this.#flush();
      return;
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#flushSoon);
  }

  /** Resolves when no frame waits any more, or the connection has ended. */
  allLeft(): Promise<void> {
    if (this.#isEnded || this.unsentBytes === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onAllLeft.push(resolve);
    });
  }

  /** Stops reading; the other side is held up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends the connection, as the other side broke a rule. */
  violate(reason: string): void {
    if (this.#isEnded) return;
    this.#violation = true;
    this.close(reason);
  }

  /** Ends the connection at once. */
  close(reason: string): void {
    if (this.#isEnded) return;
    this.#reason = reason;
    this.#socket.destroy();
    this.#end();
  }

  /** Ends the connection when all frames have left. */
  finish(): void {
    this.#flush();
    this.#socket.end();
  }

  #filled(bytes: number): boolean {
    if (this.#isEnded) return false;
    if (!this.splitter.filled(bytes)) this.violate("it sent a frame that breaks the rules");
    this.#handlers.onRead?.();
    return true;
  }

  #flush(): void {
    this.#gathered = 0;
    const { batch } = this;
    const bytes = batch.waitingBytes;
    if (this.#isEnded || bytes === 0) return;
    const pieces = batch.take();
    const dones = this.#dones;
    this.#dones = undefined;
    const last = pieces.length - 1;
    const socket = this.#socket;
    if (last > 0) socket.cork();
    for (let at = 0; at < last; at++) socket.write(pieces[at] ?? "");
    socket.write(pieces[last] ?? "", (error) => {
      batch.left(bytes);
      // Payloads that have not left are given up with their connection.
      if (error) return;
      if (dones !== undefined) for (const done of dones) done();
      if (this.unsentBytes === 0) this.#tellAllLeft();
      this.#handlers.onLeft?.();
    });
    if (last > 0) socket.uncork();
    this.#handlers.onSent?.();
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#tellAllLeft();
    this.#handlers.onEnd(this.#reason, this.#violation);
  }

  #tellAllLeft(): void {
    for (const resolve of this.#onAllLeft.splice(0)) resolve();
  }
}

/**
 * An accepted socket that is read into memory of its owner. Node offers that to sockets that connect only, and allocates 64 KiB
 * for each read of the others: the system maps and clears that memory each time. The socket moves to another object by its
 * handle, as Node does it for sockets from other processes.
 */
function withOwnMemory(accepted: Socket, onread: OnReadOpts): Socket {
  const from = accepted as Socket & { _handle: object | null };
  const options = { handle: from._handle, onread, readable: true, writable: true };
  from._handle = null;
  const socket = new Socket(options as SocketConstructorOpts);
  // The server counts the accepted object.
  socket.once("close", () => accepted.destroy());
  return socket;
}

/**
 * A socket that is still read after a write has failed. The other side has ended then, and all bytes that it wrote are there:
 * one more round of the event loop reads them.
 */
class LateSocket extends Socket {
  override destroy(error?: Error & { syscall?: string }): this {
    if (error?.syscall !== "write") return super.destroy(error);
    setImmediate(() => setImmediate(() => super.destroy(error)));
    return this;
  }
}
