import { readFileSync } from "node:fs";
import { z } from "zod";
import { messageOf } from "../../contracts/index.ts";
import type { RoleKey } from "../../nats/index.ts";
import { wrongUse } from "../options/values.ts";

const HostsKeySchema = z.strictObject({ role: z.literal("host"), account: z.string(), seed: z.string() });

/** The key of hosts' logins, read again at each use: it is changed by a rotation. Error: USAGE, where it cannot be read at first. */
export function followHostsKey(file: string | undefined): (() => RoleKey) | undefined {
  if (file === undefined) return undefined;
  const read = () => HostsKeySchema.parse(JSON.parse(readFileSync(file, "utf8")));
  let last: RoleKey;
  try {
    last = read();
  } catch (error) {
    throw wrongUse(`--hosts-key: ${messageOf(error)}`);
  }
  return () => {
    try {
      last = read();
    } catch {
      // It is being written at this moment.
    }
    return last;
  };
}
