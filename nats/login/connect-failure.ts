import { AuthorizationError, UserAuthenticationExpiredError } from "@nats-io/transport-node";
import { messageOf, NarunError } from "../../contracts/index.ts";
import { refusalOf } from "../permissions.ts";
import { expiryOf, hasIdentity, type LoginTexts } from "./login.ts";

/** Whether it is the login that a server does not take. */
function isLoginRefused(error: unknown): boolean {
  return error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError;
}

/** Why no connection came about. `url` has no login in it. */
export function connectFailure(url: string, error: unknown, login: LoginTexts): NarunError {
  const cause = { cause: error };
  const detail = `${url}: ${messageOf(error)}`;
  if (isLoginRefused(error))
    return new NarunError("NATS_LOGIN_REFUSED", { detail: `${detail} (${describeLogin(login)})` }, cause);
  if (isTlsFailure(error)) return new NarunError("NATS_TLS_FAILED", { detail }, cause);
  return new NarunError("NATS_UNREACHABLE", { detail }, cause);
}

/** Upper bound of refusals that are reported between two reconnects: there may be any number of subjects. */
const MAX_TOLD = 100;

/** Reports each reason for which the server refuses the connection, or a subject, once until it is back. */
export function createRefusals(
  explain: (error: Error) => NarunError,
  onRefused: (error: NarunError) => void = () => undefined,
) {
  let told = new Set<string>();
  return {
    note(error: Error): void {
      const permission = refusalOf(error);
      if (permission === undefined && !isLoginRefused(error) && !isTlsFailure(error)) return;
      const refusal = permission ?? explain(error);
      if (told.has(refusal.message) || told.size >= MAX_TOLD) return;
      told.add(refusal.message);
      onRefused(refusal);
    },
    forget(): void {
      told = new Set();
    },
  };
}

function describeLogin(login: LoginTexts): string {
  if (!hasIdentity(login)) return "no login was given";
  if (login.creds !== undefined) return `the login was a credentials file${describeExpiry(login.creds)}`;
  if (login.nkey !== undefined) return "the login was an nkey";
  if (login.token !== undefined) return "the login was a token";
  return `the login was user ${JSON.stringify(login.user ?? "")} with a password`;
}

/** A server does not always say that it refuses a login because it has expired. */
function describeExpiry(creds: string): string {
  const expiry = expiryOf(creds);
  if (expiry === undefined) return "";
  return `, which ${expiry.getTime() < Date.now() ? "expired" : "expires"} ${expiry.toISOString()}`;
}

/** Node has a code for each way in which a certificate may be wrong. */
export function isTlsFailure(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  return (
    /CERT|TLS|SSL|SIGNATURE|HOSTNAME_MISMATCH/.test(code) || /\btls\b|certificate|PEM/i.test(messageOf(error))
  );
}
