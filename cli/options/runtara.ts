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
  runtaraQuic: value({
    flag: "--runtara-quic <address>",
    help: "HOST:PORT (UDP) of this machine itself for programs on Runtara's SDK 1.4 over QUIC",
    fallbackHelp: "none",
    parse: parseAddress,
  }),
  runtaraQuicEnvironment: value({
    flag: "--runtara-quic-environment <address>",
    help: "HOST:PORT (UDP) of this machine itself for managers on Runtara's SDK 1.4 over QUIC",
    fallbackHelp: "none",
    parse: parseAddress,
  }),
  deno: value({
    flag: "--deno <file>",
    variables: ["NARUN_DENO"],
    help: "the program of Deno 2.9 that speaks QUIC",
    fallbackHelp: "fetched by npm at the first use",
    parse: ({ text }) => text,
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
export function checkRuntara(options: {
  runtaraHttp: { host: string } | undefined;
  runtaraQuic: { host: string } | undefined;
  runtaraQuicEnvironment: { host: string } | undefined;
  runtaraOpen: boolean;
}): void {
  const { runtaraHttp, runtaraOpen } = options;
  for (const [flag, address] of [
    ["--runtara-quic", options.runtaraQuic],
    ["--runtara-quic-environment", options.runtaraQuicEnvironment],
  ] as const)
    if (address !== undefined && !LOOPBACK.test(address.host))
      throw wrongUse(
        `${flag} needs an address of this machine itself, not ${address.host}: its protocol has no place for a token`,
      );
  if (!runtaraOpen) return;
  if (runtaraHttp === undefined) throw wrongUse("--runtara-open needs --runtara-http");
  if (!LOOPBACK.test(runtaraHttp.host))
    throw wrongUse(`--runtara-open needs an address of this machine itself, not ${runtaraHttp.host}`);
}
