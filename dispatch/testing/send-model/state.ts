/** The state of the model: the messages under way, and the knowledge of each party. */
import type { Evidence, Send, Step } from "../../next-step.ts";

/** The way by which the gateway sends the request. */
export type Carrier = "nats" | "socket";

/** The behaviour of a gateway. */
export interface Rule {
  decide(evidence: Evidence, send: Send): Step;
  /** Whether a flush begins with the socket that a request went by. */
  pings: boolean;
  /** Whether it asks over NATS for requests whose socket is whole. */
  asksBesideSocket: boolean;
}

export type End = "answered" | "failed";

export interface State {
  carrier: Carrier;
  /** From the gateway to the server, and back. */
  toServer: string[];
  toGateway: string[];
  /** Messages of the gateway's broken connection that the server did not take yet. */
  lateToServer: string[];
  /** From the server to the instance's host, and back. */
  toHost: string[];
  fromHost: string[];
  /** From the node-runner to the server. */
  fromRunner: string[];
  /** By the socket: from the gateway to the host, and back. */
  socketToHost: string[];
  socketToGateway: string[];
  /** The socket broke. Frames that are sent now are lost. */
  isCut: boolean;
  /** The socket as its host knows it. */
  hostSocket: "open" | "leaving" | "ended";
  /** The connection on which the gateway expects the answer. */
  line: Carrier;
  /** The gateway has heard by the socket that the host leaves. */
  hasHeardLeave: boolean;
  /** The gateway waits for the host's answer to a ping. */
  isPinging: boolean;
  /** The instance's subscriptions at the server: for requests, and for questions. */
  takesRequests: boolean;
  takesQuestions: boolean;
  /** The server has seen the end of the host's connection. */
  isHostGone: boolean;
  instance: "ready" | "condemned" | "draining" | "drained" | "gone" | "dead";
  hasRequest: boolean;
  /** It was begun here. It may be answered by now. */
  hasTaken: boolean;
  /** The instance has told that it did not come, and will not begin it. */
  isCalledOff: boolean;
  isRunnerDead: boolean;
  /** The gateway has heard that the node is silent. */
  isSilent: boolean;
  /** The connection to NATS broke, and is not back yet. */
  isGatewayAway: boolean;
  isHostAway: boolean;
  hasBroken: boolean;
  hasHostBroken: boolean;
  asks: number;
  wasDelivered: boolean;
  begun: number;
  /** `under-way` to this instance, or its end. Another instance always answers. */
  request: "under-way" | End;
}

/** An event, and the state after it. */
export type Change = [event: string, next: State];

/** The request has just been sent. */
export function startBy(carrier: Carrier): State {
  const isBySocket = carrier === "socket";
  return {
    carrier,
    toServer: isBySocket ? [] : ["request"],
    toGateway: [],
    lateToServer: [],
    toHost: [],
    fromHost: [],
    fromRunner: [],
    socketToHost: isBySocket ? ["request"] : [],
    socketToGateway: [],
    isCut: false,
    hostSocket: isBySocket ? "open" : "ended",
    line: carrier,
    hasHeardLeave: false,
    isPinging: false,
    takesRequests: true,
    takesQuestions: true,
    isHostGone: false,
    instance: "ready",
    hasRequest: false,
    hasTaken: false,
    isCalledOff: false,
    isRunnerDead: false,
    isSilent: false,
    isGatewayAway: false,
    isHostAway: false,
    hasBroken: false,
    hasHostBroken: false,
    asks: 0,
    wasDelivered: false,
    begun: 0,
    request: "under-way",
  };
}

/** A list without its first message. */
export const without = ([, ...rest]: string[]): string[] => rest;

/** The server delivers to the gateway. */
export function toGateway(state: State, text: string): State {
  return state.isGatewayAway ? state : { ...state, toGateway: [...state.toGateway, text] };
}

/** The server delivers to the host. */
export function toHost(state: State, text: string): State {
  return state.isHostAway ? state : { ...state, toHost: [...state.toHost, text] };
}

/** The host says something over NATS. */
export function say(state: State, text: string): State {
  return { ...state, fromHost: [...state.fromHost, text] };
}

/** The gateway sends a frame. */
export function frameToHost(state: State, text: string): State {
  return state.isCut ? state : { ...state, socketToHost: [...state.socketToHost, text] };
}

/** The host sends a frame. */
export function frameToGateway(state: State, text: string): State {
  const isLost = state.isCut || state.hostSocket === "ended";
  return isLost ? state : { ...state, socketToGateway: [...state.socketToGateway, text] };
}
