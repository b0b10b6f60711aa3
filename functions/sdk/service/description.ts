/**
 * The description of a service, as contracts/service-description.ts has it: authors' compilers read these files, and know no types of
 * Node. test/services/codes.test.ts compares the two.
 */

export type JsonSchema = Record<string, unknown>;
export type HttpMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ActionDescription {
  name: string;
  description?: string;
  subject: string;
  path?: string;
  method: HttpMethod;
  input?: JsonSchema;
  output?: JsonSchema;
  errors: { name: string; status: number; data?: JsonSchema }[];
  isReadOnly: boolean;
  isIdempotent: boolean;
  isTool: boolean;
  encrypt?: string;
}

export interface EventDescription {
  name: string;
  pattern: string;
  isDurable: boolean;
  since: string;
  isForEach: boolean;
  schema?: JsonSchema;
  maxDeliver?: number;
  encrypt?: string;
}

export interface Description {
  version: string;
  description?: string;
  requires: string[];
  whenPaused: "hold" | "refuse";
  actions: ActionDescription[];
  events: EventDescription[];
}
