/**
 * The address of an instance on its own machine: a UNIX-domain socket of its host process (docs/wire.md, "The short path").
 * A gateway that can open it needs no NATS for a request.
 */
import { z } from "zod";

/** Upper bound of a path: the operating system takes 107 bytes on Linux, 103 on macOS. */
export const MAX_SOCKET_PATH_BYTES = 100;

const MACHINE = /^[0-9a-f]{32}$/;
/** An announcement may come from anywhere. So it can name only sockets that are called as those of hosts are. */
const PATH = /^\/\P{Cc}*\/s$/u;
const LARGEST_NUMBER = 0xffff_ffff;

export const SocketAddressSchema = z.object({
  /** The random id of the machine: of its runner's private run folder, in 32 hex digits. */
  machine: z.string().regex(MACHINE),
  /** The socket of the host process. Its name is `s`. */
  path: z
    .string()
    .regex(PATH)
    .refine((path) => Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES),
  /** The number of the instance in its host process. */
  number: z.int().min(0).max(LARGEST_NUMBER),
});
export type SocketAddress = z.infer<typeof SocketAddressSchema>;

/** The value of `narun.socket` in the metadata of an instance: `<machine> <number> <path>`. */
export function formatSocketAddress({ machine, number, path }: SocketAddress): string {
  return `${machine} ${number} ${path}`;
}

const FORM = /^(?<machine>\S+) (?<number>\d{1,10}) (?<path>.+)$/;

/** Reads the value of `narun.socket`; undefined where it is no address. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  const { machine, number, path } = FORM.exec(text)?.groups ?? {};
  return SocketAddressSchema.safeParse({ machine, number: Number(number), path }).data;
}
