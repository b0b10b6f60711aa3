import { messageOf } from "../../contracts/index.ts";
import { connectPlain } from "./plain.ts";
import type { NatsTransport, Wire, WireOptions } from "./wire.ts";

/** The module of the own transport, which reaches into the client library. */
export interface OwnTransport {
  /** The reason why it cannot be used with the installed library; undefined where it can. */
  findProblem(): string | undefined;
  connectOwn(options: WireOptions): Promise<Wire>;
}

export interface WireChoice {
  wanted: NatsTransport;
  /** Called where the own transport is wanted and cannot be used: all goes by the library alone, and slower. */
  onWarning(text: string): void;
  /** Default: own.ts, which is loaded where it is wanted. */
  load?: () => Promise<OwnTransport>;
}

/** Connects by the wanted transport, or by `plain` where the installed client library is another one than `own` was written for. */
export async function openWire(
  options: WireOptions,
  { wanted, onWarning, load = () => import("./own.ts") }: WireChoice,
): Promise<{ wire: Wire; transport: NatsTransport }> {
  const own = wanted === "own" ? await loadOwn(load) : undefined;
  if (typeof own === "object") return { wire: await own.connectOwn(options), transport: "own" };
  if (own !== undefined)
    onWarning(
      `The fast NATS transport is off, and everything goes by the client library alone: ${own}. ` +
        "Install the version of the library that package.json names.",
    );
  return { wire: await connectPlain(options), transport: "plain" };
}

/** The own transport, or the reason why it cannot be used. */
async function loadOwn(load: () => Promise<OwnTransport>): Promise<OwnTransport | string> {
  try {
    const own = await load();
    return own.findProblem() ?? own;
  } catch (error) {
    // A file of the library that is not there any more.
    return messageOf(error);
  }
}
