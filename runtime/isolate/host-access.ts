/**
 * The login of one host process, seen from the runner.
 *
 * I1  A function is started only when the process has logged in with rights for it.
 * I2  A login is renewed before it ends. It has rights for the functions that run or may come then, and for no others.
 *     It is renewed at once when another key signs logins: the former one is accepted for a while only.
 * I3  A process that logs in anew does so once for all starts that wait.
 */
import { type FunctionConfig, hostTags, type RightsFacts } from "../../contracts/index.ts";
import type { LoginTexts } from "../../nats/index.ts";
import type { HostLogin, HostRights } from "../host.ts";

export interface HostAccessOptions {
  nats: HostLogin;
  /** The functions that the process runs. */
  running(): Iterable<RightsFacts>;
  /** Has the process log in anew. Resolves when the server has taken the login, or the process is gone. */
  renew(login: LoginTexts): Promise<void>;
}

/** The part of a login's life after which it is renewed. */
const RENEW_AFTER = 0.7;

/** How often a process looks whether another key signs logins. */
const SIGNER_MS = 2_000;

export class HostAccess {
  readonly #options: HostAccessOptions;
  readonly #coming = new Map<FunctionConfig, number>();
  #tags: ReadonlySet<string> = new Set();
  #current: LoginTexts | undefined;
  #renewing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: HostAccessOptions) {
    this.#options = options;
  }

  /** For a process that connects. */
  login(): LoginTexts {
    const { login, rights } = this.#options.nats;
    if (rights === undefined) return login?.() ?? {};
    this.#current ??= this.#mint();
    return this.#current;
  }

  /** Resolves when the process may run a function (I1). The returned function ends the claim. */
  async cover(config: FunctionConfig): Promise<() => void> {
    const { rights } = this.#options.nats;
    if (rights === undefined) return () => undefined;
    this.#coming.set(config, (this.#coming.get(config) ?? 0) + 1);
    const leave = () => {
      const left = (this.#coming.get(config) ?? 1) - 1;
      if (left === 0) this.#coming.delete(config);
      else this.#coming.set(config, left);
    };
    try {
      await rights.prepare(config);
      while (!this.#isClosed && !hostTags([config]).every((tag) => this.#tags.has(tag))) await this.#renew();
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #renew(): Promise<void> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<void> {
    // A turn later, so that starts of the same moment share it.
    await Promise.resolve();
    this.#current = this.#mint();
    await this.#options.renew(this.#current);
  }

  #mint(): LoginTexts {
    const { nats, running } = this.#options;
    const { rights } = nats;
    if (rights === undefined) return {};
    const tags = hostTags([...rights.deployed(), ...running(), ...this.#coming.keys()]);
    this.#tags = new Set(tags);
    if (!this.#isClosed) this.#renewLater(rights, rights.signer(), Date.now() + rights.lifeMs * RENEW_AFTER);
    return rights.mint(tags);
  }

  #renewLater(rights: HostRights, signer: string, atMs: number): void {
    clearTimeout(this.#timer);
    const look = () => {
      if (rights.signer() !== signer || Date.now() >= atMs) void this.#renew();
      else this.#renewLater(rights, signer, atMs);
    };
    this.#timer = setTimeout(look, Math.max(0, Math.min(SIGNER_MS, atMs - Date.now()))).unref();
  }
}
