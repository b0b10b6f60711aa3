import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { grpcCodes } from "../../contracts/index.ts";
import { type GrpcStatus, malformed, ownStatus } from "./status.ts";

const DECODERS = { gzip: promisify(gunzip), deflate: promisify(inflate) };

/** The encodings that are read here, as `grpc-accept-encoding` lists them. */
const ACCEPTED = "identity,gzip,deflate";

/** A compressed message as it was, or the status of a call whose message cannot be read. */
export async function decompress(
  data: Uint8Array,
  encoding: string,
  maxBytes: number,
): Promise<Uint8Array | GrpcStatus> {
  if (encoding !== "gzip" && encoding !== "deflate")
    return {
      ...ownStatus(grpcCodes.UNIMPLEMENTED, "BAD_REQUEST", `grpc-encoding ${encoding} is not known here`),
      fields: ["grpc-accept-encoding", ACCEPTED],
    };
  try {
    return await DECODERS[encoding](data, { maxOutputLength: maxBytes });
  } catch (error) {
    const isLarge = error instanceof RangeError;
    return isLarge
      ? ownStatus(grpcCodes.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE", `the message is over ${maxBytes} bytes`)
      : malformed(`the message is not ${encoding}`);
  }
}
