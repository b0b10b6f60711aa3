import {
  callFields,
  type DecodedRequest,
  decodeActionRequest,
  decodeRequest,
  headerNames,
  headerValue,
  isActionSubject,
  isTriggerKind,
  subjects,
  timeLeftOf,
} from "../../contracts/index.ts";
import type { Message } from "../../nats/index.ts";
import { bodyOf } from "./body-of.ts";
import { blockOfFields, blockOfRequest } from "./header-block.ts";
import { urlOf } from "./request-url.ts";
import type { IncomingRequest } from "./sandbox.ts";

/**
 * Reads a request to a service. `mostMs`: the upper bound of its time. `isProgram`: the door of the node, which delivers all requests
 * on the service's own subject, has taken the mark of a trigger from those that came there.
 */
export function requestFromMessage(
  message: Message,
  service: string,
  mostMs: number,
  isProgram = false,
): IncomingRequest {
  const { subject } = message;
  if (isActionSubject(subject, service))
    return incomingRequest(decodeActionRequest(message, subject), message, service, mostMs);
  const request = incomingRequest(decodeRequest(message, service), message, service, mostMs);
  const trigger = headerValue(message.headers, headerNames.trigger);
  // The service's own subject is open to every client, and functions call each other: a trigger comes to the instance itself.
  const isForInstance = subject.startsWith(subjects.instanceRequests(""));
  if (isTriggerKind(trigger) && (isProgram || isForInstance)) request.trigger = trigger;
  request.isReturnable = request.trigger !== undefined || message.headers?.has(callFields.id) === true;
  return request;
}

/** The request that a message carries, as a sandbox takes it. `data`: its body. */
export function incomingRequest(
  { method, host, scheme, rawPath, query, fields, requestId, hops, isUpgrade }: DecodedRequest,
  { headers, data }: Pick<Message, "headers" | "data">,
  service: string,
  mostMs: number,
): IncomingRequest {
  const timeoutMs = Math.max(0, Math.min(timeLeftOf(headers) ?? mostMs, mostMs));
  return {
    requestId: requestId ?? crypto.randomUUID(),
    method,
    url: urlOf({ scheme, host, rawPath, query }, service),
    headerBlock: blockOfRequest(blockOfFields(fields), host, isUpgrade),
    body: bodyOf(data),
    hops,
    timeoutMs,
    deadline: Date.now() + timeoutMs,
  };
}
