import { asInterface, defineConstants, toDOMString } from "../webidl/webidl.ts";

/** The names with a legacy code, in the order of their codes from 1. Empty for a name that was removed (Web IDL). */
const NAMES = (
  "IndexSizeError,,HierarchyRequestError,WrongDocumentError,InvalidCharacterError,,NoModificationAllowedError," +
  "NotFoundError,NotSupportedError,InUseAttributeError,InvalidStateError,SyntaxError,InvalidModificationError," +
  "NamespaceError,InvalidAccessError,,TypeMismatchError,SecurityError,NetworkError,AbortError,URLMismatchError," +
  "QuotaExceededError,TimeoutError,InvalidNodeTypeError,DataCloneError"
).split(",");

const CONSTANTS = (
  "INDEX_SIZE_ERR,DOMSTRING_SIZE_ERR,HIERARCHY_REQUEST_ERR,WRONG_DOCUMENT_ERR,INVALID_CHARACTER_ERR," +
  "NO_DATA_ALLOWED_ERR,NO_MODIFICATION_ALLOWED_ERR,NOT_FOUND_ERR,NOT_SUPPORTED_ERR,INUSE_ATTRIBUTE_ERR," +
  "INVALID_STATE_ERR,SYNTAX_ERR,INVALID_MODIFICATION_ERR,NAMESPACE_ERR,INVALID_ACCESS_ERR,VALIDATION_ERR," +
  "TYPE_MISMATCH_ERR,SECURITY_ERR,NETWORK_ERR,ABORT_ERR,URL_MISMATCH_ERR,QUOTA_EXCEEDED_ERR,TIMEOUT_ERR," +
  "INVALID_NODE_TYPE_ERR,DATA_CLONE_ERR"
).split(",");

/** Returns the given object, so that a subclass can put private fields on it. */
class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: that is what it is for
    return object;
  }
}

/** The fields of a DOMException. They lie on a real error object: V8 treats it as an error, and keeps its stack. */
class Fields extends Given {
  #name: string;
  #message: string;

  constructor(error: object, name: string, message: string) {
    super(error);
    this.#name = name;
    this.#message = message;
  }

  static nameOf(exception: object): string {
    return (exception as Fields).#name;
  }

  static messageOf(exception: object): string {
    return (exception as Fields).#message;
  }

  static areOn(value: object): boolean {
    return #name in value;
  }
}

/** `DOMException` of Web IDL: an `Error` by prototype and by kind, whose name gives the kind of failure. */
export class DOMException {
  declare readonly stack: string;
  declare cause?: unknown;

  constructor(message: unknown = "", name: unknown = "Error") {
    const text = toDOMString(message);
    const kind = toDOMString(name);
    const error = Reflect.construct(Error, [text], new.target) as DOMException;
    // The stack already has the message. A DOMException's own `message` is an attribute of the prototype.
    Reflect.deleteProperty(error, "message");
    new Fields(error, kind, text);
    // biome-ignore lint/correctness/noConstructorReturn: an error object cannot be made otherwise
    return error;
  }

  get name(): string {
    return Fields.nameOf(this);
  }

  get message(): string {
    return Fields.messageOf(this);
  }

  get code(): number {
    return NAMES.indexOf(Fields.nameOf(this) || "none") + 1;
  }
}

asInterface("DOMException", DOMException);
Object.setPrototypeOf(DOMException.prototype, Error.prototype);
defineConstants(DOMException, Object.fromEntries(CONSTANTS.map((name, index) => [name, index + 1])));

export function isDOMException(value: unknown): value is DOMException {
  return typeof value === "object" && value !== null && Fields.areOn(value);
}
