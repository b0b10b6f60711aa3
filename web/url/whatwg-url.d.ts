/** The modules of the package that go into the snapshot one by one. */
declare module "whatwg-url/lib/url-state-machine.js" {
  import type * as whole from "whatwg-url";

  const machine: typeof whole;
  export default machine;
}

declare module "whatwg-url/lib/urlencoded.js" {
  const urlencoded: {
    parseUrlencodedString(text: string): [name: string, value: string][];
    serializeUrlencoded(pairs: readonly (readonly [name: string, value: string])[]): string;
  };
  export default urlencoded;
}

declare module "whatwg-url/webidl2js-wrapper.js" {
  interface Interface {
    /** Installs the interface object on a global object, for the named scopes. */
    install(globalObject: object, scopes: readonly string[]): void;
  }

  const wrapper: { URL: Interface; URLSearchParams: Interface };
  export default wrapper;
}
