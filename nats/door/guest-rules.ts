/** The subjects of a program: its own service, its replies, its inboxes, and the subjects that its spec names. */
import { matchesSubject, ownStoreSubjects } from "../../contracts/index.ts";

export interface GuestRules {
  mayPublish(subject: string): boolean;
  maySubscribe(subject: string): boolean;
}

export interface GuestSubjects {
  service: string;
  /** More subjects to which it may publish, wildcards allowed. */
  publish: readonly string[];
  /** More subjects that it may hear, wildcards allowed. */
  subscribe: readonly string[];
}

/** How long the second word of an inbox is: a shorter one may be guessed. */
const MIN_INBOX_LENGTH = 10;
const DISCOVERY = /^\$SRV\.(?:PING|INFO|STATS|\*)(?:\.([^.]+)(?:\.[^.]+)?)?$/;

/**
 * The rules of a program that may speak for its own service only. Its replies need no rule: the door knows which requests
 * it has handed over.
 */
export function createGuestRules({ service, publish, subscribe }: GuestSubjects): GuestRules {
  return {
    mayPublish: (subject) => isOneOf(publish, subject),
    maySubscribe(subject) {
      if (subject === service || subject.startsWith(`${service}.`)) return true;
      const discovery = DISCOVERY.exec(subject);
      if (discovery !== null) return discovery[1] === undefined || discovery[1] === service;
      return isInbox(subject) || isOneOf(subscribe, subject);
    },
  };
}

/** The rules of a program that may do all that its node may, beside the subjects of narun itself. */
export const openRules: GuestRules = {
  mayPublish: (subject) => !isOwn(subject),
  maySubscribe: (subject) => !isOwn(subject) && !/^[*>]/.test(subject),
};

/**
 * The same in a network with logins: nothing of narun's own stores, and no inbox but those of the program, as its node may read
 * the first and hears the others.
 */
export const guardedRules: GuestRules = {
  mayPublish: (subject) =>
    openRules.mayPublish(subject) &&
    !/^\$(?:NARUN|SYS)\./.test(subject) &&
    !ownStoreSubjects.some((pattern) => matchesSubject(pattern, subject)),
  maySubscribe: (subject) =>
    /^[_$]/.test(subject) ? isInbox(subject) || subject.startsWith("$SRV.") : openRules.maySubscribe(subject),
};

const isOwn = (subject: string) => subject === "narun" || subject.startsWith("narun.");

function isInbox(subject: string): boolean {
  const [first, second = ""] = subject.split(".");
  return first === "_INBOX" && second.length >= MIN_INBOX_LENGTH && !/[*>]/.test(second);
}

/** Whether a pattern covers a subject, which may be a pattern itself. */
function isOneOf(patterns: readonly string[], subject: string): boolean {
  return patterns.some((pattern) => pattern === subject || matchesWider(pattern, subject));
}

/** `*` of the subject is matched by a wildcard only, `>` by `>` only. */
function matchesWider(pattern: string, subject: string): boolean {
  if (!matchesSubject(pattern, subject)) return false;
  const wanted = pattern.split(".");
  return subject.split(".").every((token, at) => {
    const own = wanted[Math.min(at, wanted.length - 1)];
    if (token === ">") return own === ">";
    return token !== "*" || own === "*" || own === ">";
  });
}
