/**
 * The subjects of an object store, in the layout of NATS' own clients (ADR-20): a name stands in its subject as padded
 * base64url of its UTF-8.
 *
 * Earlier versions of narun encoded ISO-8859-1 instead, as the client library does. The two differ for names with
 * characters from U+0080 to U+00FF; names beyond U+00FF could not be kept.
 */

export function chunkSubject(bucket: string, nuid: string): string {
  return `$O.${bucket}.C.${nuid}`;
}

/** The subject of the message that describes the object. */
export function infoSubject(bucket: string, name: string): string {
  return subjectOf(bucket, Buffer.from(name));
}

/** The subject that earlier versions used for the name; undefined where it is the present one, or there was none. */
export function formerInfoSubject(bucket: string, name: string): string | undefined {
  if ([...name].some((character) => character > "\u00ff")) return undefined;
  const former = subjectOf(bucket, Buffer.from(name, "latin1"));
  return former === infoSubject(bucket, name) ? undefined : former;
}

function subjectOf(bucket: string, bytes: Buffer): string {
  const encoded = bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
  return `$O.${bucket}.M.${encoded}`;
}
