/** How requests to a service travel: in header mode, or as binary HTTP. */
export const WIRES = ["header", "bhttp"] as const;
export type Wire = (typeof WIRES)[number];

/** The key in the metadata of a NATS Micro service that names its wire. */
export const WIRE_METADATA = "narun.wire";
