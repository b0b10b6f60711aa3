/** The status of an answer that turns the connection over to a WebSocket (RFC 9110, section 15.2.2). */
export const SWITCHING_PROTOCOLS = 101;
