/**
 * The algorithms by name: the operations of each, and the members of the operation's dictionary besides `name` (Web
 * Cryptography, and "Modern Algorithms in the Web Cryptography API"). This table only decides how an argument is read. The
 * host decides whether it has an algorithm and whether the values are valid.
 */
export type Operation =
  | "encrypt"
  | "decrypt"
  | "sign"
  | "verify"
  | "digest"
  | "generateKey"
  | "deriveBits"
  | "importKey"
  | "exportKey"
  | "wrapKey"
  | "unwrapKey"
  | "encapsulate"
  | "decapsulate"
  | "get key length";

/** The conversion of a member. `bytes`: a BufferSource, copied. `exponent`: a Uint8Array, copied. `hash`: a hash's name. */
type MemberKind =
  | "bytes"
  | "exponent"
  | "hash"
  | "key"
  | "octet"
  | "text"
  | "unsigned long"
  | "unsigned short";

export interface Member {
  readonly name: string;
  readonly kind: MemberKind;
  readonly isRequired: boolean;
}

/** The members of a dictionary in lexicographical order, the order of their conversion. */
type Dictionary = readonly Member[];

const required = (name: string, kind: MemberKind): Member => ({ name, kind, isRequired: true });
const optional = (name: string, kind: MemberKind): Member => ({ name, kind, isRequired: false });

const NOTHING: Dictionary = [];
const HASH = [required("hash", "hash")];
const CURVE = [required("namedCurve", "text")];
const PUBLIC_KEY = [required("public", "key")];
const AES_LENGTH = [required("length", "unsigned short")];
const AEAD = [optional("additionalData", "bytes"), required("iv", "bytes"), optional("tagLength", "octet")];
const CONTEXT = [optional("context", "bytes")];
const HMAC_KEY = [required("hash", "hash"), optional("length", "unsigned long")];
const KMAC_KEY = [optional("length", "unsigned long")];
const CUSTOM_OUTPUT = [optional("customization", "bytes"), required("outputLength", "unsigned long")];
const RSA_KEY = [
  required("hash", "hash"),
  required("modulusLength", "unsigned long"),
  required("publicExponent", "exponent"),
];
const ARGON2 = [
  optional("associatedData", "bytes"),
  required("memory", "unsigned long"),
  required("nonce", "bytes"),
  required("parallelism", "unsigned long"),
  required("passes", "unsigned long"),
  optional("secretValue", "bytes"),
  optional("version", "octet"),
];

type Algorithm = Readonly<Partial<Record<Operation, Dictionary>>>;

const PLAIN_KEY = { generateKey: NOTHING, importKey: NOTHING, exportKey: NOTHING };
const AES_KEY = {
  generateKey: AES_LENGTH,
  importKey: NOTHING,
  exportKey: NOTHING,
  "get key length": AES_LENGTH,
};
const both = <A extends string, B extends string>(a: A, b: B, dictionary: Dictionary) =>
  ({ [a]: dictionary, [b]: dictionary }) as Record<A | B, Dictionary>;
const aes = (dictionary: Dictionary): Algorithm => ({
  ...AES_KEY,
  ...both("encrypt", "decrypt", dictionary),
});
const rsa = (uses: Algorithm): Algorithm => ({
  generateKey: RSA_KEY,
  importKey: HASH,
  exportKey: NOTHING,
  ...uses,
});
const curve = (uses: Algorithm): Algorithm => ({
  generateKey: CURVE,
  importKey: CURVE,
  exportKey: NOTHING,
  ...uses,
});
const okp = (uses: Algorithm): Algorithm => ({ ...PLAIN_KEY, ...uses });
const derivation = (dictionary: Dictionary): Algorithm => ({
  importKey: NOTHING,
  deriveBits: dictionary,
  "get key length": NOTHING,
});
const kmac: Algorithm = {
  generateKey: KMAC_KEY,
  importKey: KMAC_KEY,
  exportKey: NOTHING,
  "get key length": KMAC_KEY,
  ...both("sign", "verify", CUSTOM_OUTPUT),
};
const kem = okp(both("encapsulate", "decapsulate", NOTHING));
const signature = okp(both("sign", "verify", CONTEXT));
const argon2 = derivation(ARGON2);
const digest = (dictionary: Dictionary): Algorithm => ({ digest: dictionary });
const turboShake = digest([optional("domainSeparation", "octet"), required("outputLength", "unsigned long")]);
const cShake = digest([
  optional("customization", "bytes"),
  optional("functionName", "bytes"),
  required("outputLength", "unsigned long"),
]);

const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  "RSASSA-PKCS1-v1_5": rsa(both("sign", "verify", NOTHING)),
  "RSA-PSS": rsa(both("sign", "verify", [required("saltLength", "unsigned long")])),
  "RSA-OAEP": rsa(both("encrypt", "decrypt", [optional("label", "bytes")])),
  ECDSA: curve(both("sign", "verify", HASH)),
  ECDH: curve({ deriveBits: PUBLIC_KEY }),
  Ed25519: okp(both("sign", "verify", NOTHING)),
  Ed448: signature,
  X25519: okp({ deriveBits: PUBLIC_KEY }),
  X448: okp({ deriveBits: PUBLIC_KEY }),
  "AES-CTR": aes([required("counter", "bytes"), required("length", "octet")]),
  "AES-CBC": aes([required("iv", "bytes")]),
  "AES-GCM": aes(AEAD),
  "AES-OCB": aes(AEAD),
  "AES-KW": { ...AES_KEY, ...both("wrapKey", "unwrapKey", NOTHING) },
  "ChaCha20-Poly1305": {
    ...PLAIN_KEY,
    ...both("encrypt", "decrypt", AEAD),
    "get key length": NOTHING,
  },
  HMAC: {
    generateKey: HMAC_KEY,
    importKey: HMAC_KEY,
    exportKey: NOTHING,
    "get key length": HMAC_KEY,
    ...both("sign", "verify", NOTHING),
  },
  KMAC128: kmac,
  KMAC256: kmac,
  HKDF: derivation([required("hash", "hash"), required("info", "bytes"), required("salt", "bytes")]),
  PBKDF2: derivation([
    required("hash", "hash"),
    required("iterations", "unsigned long"),
    required("salt", "bytes"),
  ]),
  Argon2d: argon2,
  Argon2i: argon2,
  Argon2id: argon2,
  "ML-DSA-44": signature,
  "ML-DSA-65": signature,
  "ML-DSA-87": signature,
  "ML-KEM-512": kem,
  "ML-KEM-768": kem,
  "ML-KEM-1024": kem,
  "MLKEM768-P256": kem,
  "MLKEM768-X25519": kem,
  "MLKEM1024-P384": kem,
  "SHA-1": digest(NOTHING),
  "SHA-256": digest(NOTHING),
  "SHA-384": digest(NOTHING),
  "SHA-512": digest(NOTHING),
  "SHA3-256": digest(NOTHING),
  "SHA3-384": digest(NOTHING),
  "SHA3-512": digest(NOTHING),
  cSHAKE128: cShake,
  cSHAKE256: cShake,
  KT128: digest(CUSTOM_OUTPUT),
  KT256: digest(CUSTOM_OUTPUT),
  TurboSHAKE128: turboShake,
  TurboSHAKE256: turboShake,
};

const byUpperCase = new Map(
  Object.entries(ALGORITHMS).map(([name, algorithm]) => [name.toUpperCase(), { name, algorithm }]),
);

/** Only ASCII letters change, as in comparisons of names: `toUpperCase` would also fold a long s. */
const toAsciiUpperCase = (text: string) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());

/** The algorithm with this name (in any case) that has the operation. */
export function findAlgorithm(
  name: string,
  operation: Operation,
): { name: string; members: Dictionary } | undefined {
  const found = byUpperCase.get(toAsciiUpperCase(name));
  const members = found?.algorithm[operation];
  return found === undefined || members === undefined ? undefined : { name: found.name, members };
}
