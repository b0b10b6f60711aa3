/** The carrier between gateways and host processes of one machine: frames over a UNIX-domain socket (docs/wire.md). */
export type { HostLink, ReplyReceiver, RequestLink } from "./host-link.ts";
export { createHostLinks, type HostLinks } from "./host-links.ts";
export { type LocalServer, listenLocal, type TakeRequest } from "./listen-local.ts";
export type { LocalRequest, RequestReceiver } from "./local-request.ts";
export { NearLink } from "./near-link.ts";
