import { GrpcError, grpc } from "narun";
import { Greeter, Language } from "./greeter.proto";

const HELLO = new Map<Language, string>([[Language.GERMAN, "Guten Tag"]]);

/** Greets by gRPC, gRPC-Web, Connect, and by `GET /greetings/NAME`. */
export default grpc(Greeter, {
  sayHello: ({ name, language }) => ({ text: greet(name, language) }),

  async *listen({ name, language }, ctx) {
    while (!ctx.signal.aborted) {
      yield { text: greet(name, language) };
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  },

  async *chat(messages) {
    for await (const { name, language } of messages) yield { text: greet(name, language) };
  },
});

function greet(name: string, language: Language): string {
  if (name === "") throw new GrpcError("INVALID_ARGUMENT", "a greeting needs a name");
  return `${HELLO.get(language) ?? "Hello"}, ${name}!`;
}
