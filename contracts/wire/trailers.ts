/** Fields that follow a body: the header fields of the frame that ends it. */
import type { FieldList } from "./field-list.ts";
import { fieldName, isTrailer } from "./field-names.ts";
import { appendHeader, createHeaders, type Headers } from "./headers.ts";

const VISIBLE_ASCII = /^[\t -~]*$/;
const HTTP_VALUE = /^[\t -~\u0080-\u00ff]*$/;

/** The fields that may follow a body; others are left out, and so are values beyond ASCII. */
export function encodeTrailers(fields: FieldList): Headers {
  const trailers = createHeaders();
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? "";
    const value = fields[at + 1] ?? "";
    if (isTrailer(name) && VISIBLE_ASCII.test(value))
      appendHeader(trailers, fieldName(name).canonical, value);
  }
  return trailers;
}

/** The trailers of a message as HTTP has them; undefined where it cannot carry one. */
export function decodeTrailers(trailers: Headers): [name: string, value: string][] | undefined {
  const fields = [...trailers]
    .filter(([name]) => isTrailer(name))
    .flatMap(([name, values]) => values.map((value): [string, string] => [name, value]));
  return fields.every(([, value]) => HTTP_VALUE.test(value)) ? fields : undefined;
}
