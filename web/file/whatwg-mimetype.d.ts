declare module "whatwg-mimetype/lib/mime-type.js" {
  export default class MIMEType {
    static parse(text: string): MIMEType | null;
    readonly essence: string;
    readonly parameters: {
      get(name: string): string | undefined;
      has(name: string): boolean;
      set(name: string, value: string): void;
    };
    toString(): string;
  }
}
