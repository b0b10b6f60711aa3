import { AskFor } from "../host/boundary.ts";
import { askHost } from "../host/host-link.ts";

/** Replaces the package `tr46` (UTS 46 processing): the host has the tables. Returns null for an invalid domain. */
export function toASCII(domain: string): string | null {
  const ascii = askHost(AskFor.asciiDomain, domain);
  return typeof ascii === "string" && ascii !== "" ? ascii : null;
}

/** Only used for showing a domain, which `URL` never does. */
export function toUnicode(domain: string): { domain: string; error: boolean } {
  return { domain, error: false };
}
