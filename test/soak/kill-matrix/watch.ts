import { subjects } from "../../../contracts/index.ts";
import { Journals, type Nats } from "../../../nats/index.ts";
import type { Random } from "../random.ts";
import { type Kill, kindsOf } from "./kills.ts";

interface Armed {
  kill: Kill;
  strike(): void;
}

/** Waits for the moments of kills, and tells which one is armed. */
export class Watch {
  readonly #random: Random;
  readonly #waiting: { kill: number; resolve: () => void }[] = [];
  /** The number of the kill that was armed last. */
  #armed = -1;
  #kill: Armed | undefined;
  #journals: Journals | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  follow(nats: Nats): void {
    this.#journals = new Journals(nats);
    nats.subscribe(subjects.workflowsAll, (message) => {
      const armed = this.#kill;
      if (armed === undefined || armed.kill.moment === "before") return;
      if (!kindsOf(message.subject, message.text()).includes(armed.kill.kind)) return;
      if (armed.kill.moment === "inside") armed.strike();
      else
        void this.#strikeStored(armed, message.subject.slice(nats.world.toWire("").length), message.text());
    });
  }

  /** Half of the kills before a result come before the effect, and half behind it. */
  async atEffect(isDone: boolean): Promise<void> {
    if (this.#kill?.kill.moment === "before" && (isDone || this.#random.next() < 0.5)) this.#kill.strike();
  }

  /** Arms a kill. Resolves at its moment with true, or with false after a time. */
  async until(kill: Kill, number: number, patienceMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#kill = { kill, strike: () => resolve(true) };
    const timer = setTimeout(() => resolve(false), patienceMs);
    this.arm(number);
    const isInTime = await promise;
    clearTimeout(timer);
    this.#kill = undefined;
    return isInTime;
  }

  /** Lets the workflows begin that belong to kills up to this one. */
  arm(number: number): void {
    this.#armed = Math.max(this.#armed, number);
    for (const { kill, resolve } of this.#waiting) if (kill <= this.#armed) resolve();
  }

  /** Resolves when the kill of this number is armed, or was. */
  async untilArmed(kill: number): Promise<void> {
    if (kill <= this.#armed) return;
    await new Promise<void>((resolve) => this.#waiting.push({ kill, resolve }));
  }

  async #strikeStored({ strike }: Armed, subject: string, text: string): Promise<void> {
    const last = await this.#journals?.lastOf(subject).catch(() => undefined);
    if (last?.text === text) strike();
  }
}
