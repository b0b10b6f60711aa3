/** The benchmark's service by grpc-js alone: an echo, and a stream of messages. */
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

interface Text {
  text: string;
  count: number;
}

const [protoFile = ""] = process.argv.slice(2);
const { "bench.Echo": service } = loadSync(protoFile, { defaults: true });

const server = new Server();
server.addService(service as Parameters<typeof server.addService>[0], {
  say: ({ request: { text } }: ServerUnaryCall<Text, Text>, done: sendUnaryData<Text>) =>
    done(null, { text, count: 0 }),
  list(call: ServerWritableStream<Text, Text>) {
    const { text, count } = call.request;
    let sent = 0;
    const send = () => {
      while (sent < count) {
        sent += 1;
        if (!call.write({ text, count: sent })) {
          call.once("drain", send);
          return;
        }
      }
      call.end();
    };
    send();
  },
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`127.0.0.1:${port}\n`);
});
