/** Reads the answers that came over a connection, by their framing (RFC 9112, section 6). */
export interface Answer {
  status: number;
  head: string;
  body: string;
}

/** The complete answers in `text`, and the rest. `methods`: the methods of the requests, in order. Throws for an invalid answer. */
export function readAnswers(text: string, methods: readonly string[]): { answers: Answer[]; rest: string } {
  const answers: Answer[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end === -1) return { answers, rest };
    const head = rest.slice(0, end + 2);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    if (Number.isNaN(status)) throw new Error(`no answer: ${JSON.stringify(head.slice(0, 200))}`);
    const after = rest.slice(end + 4);
    if (status === 100) {
      rest = after;
      continue;
    }
    const read = readBody(head, after, status, methods[answers.length]);
    if (read === undefined) return { answers, rest };
    answers.push({ status, head, body: read.body });
    rest = read.rest;
    if (status === 101) return { answers, rest };
  }
}

function readBody(
  head: string,
  after: string,
  status: number,
  method: string | undefined,
): { body: string; rest: string } | undefined {
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return { body: "", rest: after };
  const length = Number(/\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1]);
  if (Number.isNaN(length)) throw new Error(`an answer without a length: ${JSON.stringify(head)}`);
  return after.length < length ? undefined : { body: after.slice(0, length), rest: after.slice(length) };
}
