/** A rule of `google.api.http`, as the builder writes it. */
export type RestRule = readonly [
  /** The method's local name. */
  method: string,
  /** The HTTP method; `*` for every one. */
  verb: string,
  /** A pattern that matches the whole path, with a group for each variable. */
  pattern: string,
  /** The fields of the groups: names in Protobuf, with dots. */
  fields: readonly string[],
  /** The field that the body is; `*` for all fields that the path does not set; empty for none. */
  body: string,
  /** The field that the answer is; empty for the whole message. */
  responseBody: string,
];
