/** Long runs: `npm run soak -- [workflows|cluster|elections] [options]`. Without a name, requests with everything at once (requests.ts). */
const [name, ...args] = process.argv.slice(2);
if (name === "workflows") await (await import("./workflows.ts")).soakWorkflows(args);
else if (name === "cluster") await (await import("./cluster.ts")).soakCluster(args);
else if (name === "elections") await (await import("./elections.ts")).soakElections(args);
else await import("./requests.ts");
