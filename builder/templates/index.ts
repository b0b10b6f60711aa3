/** Answers every request. `env` has the values under `env:` in narun.yaml. */
export default {
  async fetch(request: Request, env: { GREETING: string }): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const name = searchParams.get("name") ?? "world";
    return new Response(`${env.GREETING}, ${name}!\n`);
  },
};
