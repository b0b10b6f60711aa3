import { z } from "zod";

/** First tokens of narun's own subjects. */
const OWN_SUBJECTS = new Set(["narun", "logs", "status"]);

/** Whether a subject belongs to narun or to NATS (`$JS`, `$KV`, `_INBOX`, `_R_`). Functions may not publish to it. */
export function isReservedSubject(subject: string): boolean {
  const first = subject.split(".", 1)[0] ?? "";
  return /^[$_]/.test(first) || OWN_SUBJECTS.has(first);
}

/** A token without white space and control characters. A wildcard is a whole token, and not matched. */
const TOKEN = /^[^\s.*>\p{Cc}]+$/u;

/** Upper bound of the length of a subject. */
const MAX_SUBJECT_LENGTH = 1_024;

/** Whether a subject can be published to: it has tokens, and none is empty or a wildcard. */
export function isLiteralSubject(subject: string): boolean {
  return subject.length <= MAX_SUBJECT_LENGTH && subject.split(".").every((token) => TOKEN.test(token));
}

export function isSubjectPattern(pattern: string): boolean {
  if (pattern.length > MAX_SUBJECT_LENGTH) return false;
  const tokens = pattern.split(".");
  return tokens.every(
    (token, index) => TOKEN.test(token) || token === "*" || (token === ">" && index === tokens.length - 1),
  );
}

/** Whether a pattern matches a literal subject. */
export function matchesSubject(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const tokens = subject.split(".");
  for (const [index, token] of wanted.entries()) {
    if (token === ">") return tokens.length > index;
    if (index >= tokens.length || (token !== "*" && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}

export const SubjectPatternSchema = z
  .string()
  .refine(
    isSubjectPattern,
    "a subject has tokens between dots; * stands for one token, > at the end for all that follow",
  )
  .refine(
    (pattern) => !/^[*>]/.test(pattern),
    "the first token is no wildcard: it would be narun's own subjects, too",
  )
  .refine(
    (pattern) => !isReservedSubject(pattern),
    "narun or NATS itself speaks there; choose another subject",
  );
