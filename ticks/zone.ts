import { nearest } from "../contracts/index.ts";

/** Why a text is no time zone; undefined where it is one. The list is that of the running Node. */
export function zoneIssue(zone: string): string | undefined {
  try {
    // An offset such as +01:00 is taken by some versions of Intl, and has no rules of summer time.
    if (/^[A-Za-z]/.test(zone)) {
      new Intl.DateTimeFormat("en", { timeZone: zone });
      return undefined;
    }
  } catch {
    // The text is explained below.
  }
  const similar = nearest(zone, Intl.supportedValuesOf("timeZone"));
  const hint =
    similar === undefined ? "use a name such as Europe/Berlin, or UTC" : `did you mean ${similar}?`;
  return `${JSON.stringify(zone)} is no time zone; ${hint}`;
}
