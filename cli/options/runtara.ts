/** Options of Runtara's doors (docs/runtara.md). */
import { toggle, value } from "./option.ts";
import { parseAddress, parseDuration, wrongUse, wrongValue } from "./values.ts";

export const runtaraOptions = {
  runtaraHttp: value({
    flag: "--runtara-http <address>",
    help: "HOST:PORT for programs on Runtara's SDKs, and for their management; port 0 picks a free one",
    fallbackHelp: "none",
    parse: parseAddress,
  }),
  runtaraOpen: toggle({
    flag: "--runtara-open",
    help: "programs of this machine need no token there; the address is one of the machine itself, as 127.0.0.1",
  }),
  runtaraRetention: value({
    flag: "--runtara-retention <duration>",
    help: "how long finished instances are kept",
    fallback: "30d",
    parse: parseDuration,
  }),
  runtaraHold: value({
    flag: "--runtara-hold <duration>",
    help: "how long a sleep may hold the process of an instance; a longer one ends it until its time",
    fallback: "20s",
    parse: parseDuration,
  }),
  runtaraPrograms: value({
    flag: "--runtara-programs <number>",
    help: "how many instances run on this node at a time; others wait for their turn",
    fallback: "50",
    parse(given) {
      const count = /^\d{1,5}$/.test(given.text) ? Number(given.text) : Number.NaN;
      if (count <= 10_000) return count;
      throw wrongValue(given, "a number up to 10000; 0: it runs none");
    },
  }),
};

const LOOPBACK = /^(?:localhost|::1|127(?:\.\d{1,3}){3})$/;

/** Error: USAGE, where everybody in the network could call without a token. */
export function checkRuntara({
  runtaraHttp,
  runtaraOpen,
}: {
  runtaraHttp: { host: string } | undefined;
  runtaraOpen: boolean;
}): void {
  if (!runtaraOpen) return;
  if (runtaraHttp === undefined) throw wrongUse("--runtara-open needs --runtara-http");
  if (!LOOPBACK.test(runtaraHttp.host))
    throw wrongUse(`--runtara-open needs an address of this machine itself, not ${runtaraHttp.host}`);
}
