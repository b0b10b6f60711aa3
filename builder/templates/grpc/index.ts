import { GrpcError, grpc } from "narun";
import { Greeter } from "./greeter.proto";

export default grpc(Greeter, {
  sayHello({ name }) {
    if (name === "") throw new GrpcError("INVALID_ARGUMENT", "a greeting needs a name");
    return { text: `Hello, ${name}!` };
  },
});
