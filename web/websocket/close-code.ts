/**
 * Whether a close frame may carry the code (RFC 6455, section 7.4, and IANA's registry): 1000 to 1014 and 3000 to 4999, but
 * not 1004 to 1006, which are never sent. Browsers let pages send only 1000 and 3000 to 4999. A server may send the others as
 * well. Clients fail the connection at any other code.
 */
export function isSendableCloseCode(code: number): boolean {
  const isOfProtocol = code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
  return isOfProtocol || (code >= 3000 && code <= 4999);
}
