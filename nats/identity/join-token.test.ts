import { describe, expect, it } from "vitest";
import { askToJoin, checkJoin, createJoinToken, readJoinToken } from "./join-token.ts";
import { createLogin, createNetworkKeys, roleKey } from "./network.ts";

const FINGERPRINT = "ab".repeat(32);
const LIFE_MS = 60_000;
const ours = createNetworkKeys();
const others = createNetworkKeys();
const tokenOf = (keys = ours, lifeMs = LIFE_MS) => readJoinToken(createJoinToken(keys, FINGERPRINT, lifeMs));
const facts = { route: "10.0.0.2:6222" };

/** The code with which a request is refused. */
function refusal(text: string, now?: number): string {
  try {
    checkJoin(text, ours, now);
    return "let in";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("a request to join", () => {
  it("is let in with a token of the network, and its answer is sealed for the asker alone", () => {
    const asked = askToJoin(tokenOf(), facts);
    const checked = checkJoin(asked.text, ours);
    expect(checked).toMatchObject({ ...facts, id: expect.stringMatching(/.{10}/) });
    const answer = checked.seal({ keys: "secret keys" });
    expect(JSON.stringify(answer)).not.toContain("secret keys");
    expect(asked.open(answer)).toEqual({ keys: "secret keys" });
    expect(() => askToJoin(tokenOf(), facts).open(answer)).toThrow(/cannot be opened/);
  });

  it("has one id for each token, and the same at each asking", () => {
    const [one, other] = [tokenOf(), tokenOf()];
    const idOf = (token: typeof one) => checkJoin(askToJoin(token, facts).text, ours).id;
    expect(idOf(one)).toBe(idOf(one));
    expect(idOf(one)).not.toBe(idOf(other));
  });

  it("is refused with a token of another network, also one with this one's fingerprint", () => {
    expect(refusal(askToJoin(tokenOf(others), facts).text)).toBe("JOIN_TOKEN_FOREIGN");
  });

  it("is refused with a login of another role, though it is of the network", () => {
    for (const role of ["author", "cli", "gateway", "node", "host"] as const) {
      const creds = createLogin(roleKey(ours, role), { lifeMs: LIFE_MS });
      const jwt = /\beyJ[\w-]+\.[\w-]+\.[\w-]+/.exec(creds)?.[0] ?? "";
      const seed = /\bSU[A-Z2-7]{56}\b/.exec(creds)?.[0] ?? "";
      const token = { ...tokenOf(), jwt, seed };
      expect([role, refusal(askToJoin(token, facts).text)]).toEqual([role, "JOIN_TOKEN_FOREIGN"]);
    }
  });

  it("is refused where it is signed by another token, or changed on its way", () => {
    const [one, other] = [tokenOf(), tokenOf()];
    expect(refusal(askToJoin({ ...one, seed: other.seed }, facts).text)).toBe("JOIN_TOKEN_FOREIGN");
    const { body, signature } = JSON.parse(askToJoin(one, facts).text);
    const elsewhere = body.replace("10.0.0.2", "10.6.6.6");
    expect(elsewhere).not.toBe(body);
    expect(refusal(JSON.stringify({ body: elsewhere, signature }))).toBe("JOIN_TOKEN_FOREIGN");
    expect(refusal(JSON.stringify({ body }))).toBe("JOIN_TOKEN_FOREIGN");
  });

  it("is refused where the claims of its token were changed", () => {
    const token = tokenOf();
    const [head, claims = "", proof] = token.jwt.split(".");
    const later = { ...JSON.parse(Buffer.from(claims, "base64url").toString()), exp: 9_999_999_999 };
    const jwt = [head, Buffer.from(JSON.stringify(later)).toString("base64url"), proof].join(".");
    expect(refusal(askToJoin({ ...token, jwt }, facts).text)).toBe("JOIN_TOKEN_FOREIGN");
  });

  it("is refused once the token's time is over, by the clock of the network", () => {
    const { text } = askToJoin(tokenOf(), facts);
    expect(refusal(text, Date.now() + LIFE_MS - 10_000)).toBe("let in");
    expect(refusal(text, Date.now() + LIFE_MS + 1_000)).toBe("JOIN_TOKEN_EXPIRED");
  });

  it.each([
    "",
    "null",
    "[]",
    "{}",
    '{"body":"{}"}',
    '{"body":7,"signature":[]}',
    "\u0000",
    '{"body":"{\\"jwt\\":\\"..\\"}"}',
  ])("is refused where it is none: %j", (text) => {
    expect(refusal(text)).toBe("JOIN_TOKEN_FOREIGN");
  });
});

describe("a token", () => {
  it("is read with spaces around it, and is good for its time", () => {
    const text = createJoinToken(ours, FINGERPRINT, LIFE_MS);
    expect(readJoinToken(` ${text}\n`).fingerprint).toBe(FINGERPRINT);
    expect(() => readJoinToken(text, Date.now() + LIFE_MS + 1_000)).toThrow(
      expect.objectContaining({ code: "JOIN_TOKEN_EXPIRED" }),
    );
  });

  it("is refused in part, and the error has nothing of it", () => {
    const text = createJoinToken(ours, FINGERPRINT, LIFE_MS);
    for (const part of ["", text.slice(0, 200), text.slice(1), text.replace(/\.[^.]*$/, ""), `${text}.x`])
      expect(() => readJoinToken(part)).toThrow(
        expect.objectContaining({ code: "JOIN_TOKEN_INVALID", message: expect.not.stringContaining("SU") }),
      );
  });
});
