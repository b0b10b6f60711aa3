/** The first frame of each side of a socket says who is there (docs/wire.md, "The short path"). */
import { z } from "zod";
import { SOCKET_VERSION } from "./socket-frames.ts";

/** Upper bound of a hello. */
export const MAX_HELLO_BYTES = 4096;

const Text = z.string().min(1).max(256);
/** Visible ASCII up to a dot, without the wildcards of NATS: a host sends to subjects that begin so. */
const PREFIX = /^[!-)+-=?-~]+\.$/;

/** The hello of a gateway. */
export const GatewayHelloSchema = z.object({
  version: z.literal(SOCKET_VERSION),
  /** The machine that the address named. */
  machine: Text,
  /** The id of its world. */
  world: z.string().max(256),
  /** A request's id is this prefix and the request's number in base 36: the subject of its replies over NATS. */
  prefix: Text.regex(PREFIX),
  /** The name under which it says over NATS that it is alive. */
  peer: Text,
});
export type GatewayHello = z.infer<typeof GatewayHelloSchema>;

/** The answer of a host. A gateway uses only a socket that answers with the machine of the address. */
export const HostHelloSchema = z.object({ version: z.literal(SOCKET_VERSION), machine: Text });
