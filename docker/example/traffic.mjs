// Clients that hold one session after the other, as people's agents would: most calls are good, some are wrong, a few are slow.
//
//     node traffic.mjs URL [CLIENTS]        until it is stopped
//     node traffic.mjs --check URL          one `initialize`; exits 0 where it is answered

const version = "2025-11-25";
const names = ["desktop", "ide", "agent"];
const calls = [
  [6, "echo", () => ({ message: "x".repeat(1 + Math.random() * 200) })],
  [4, "get-sum", () => ({ a: Math.random(), b: 2 })],
  [1, "get-sum", () => ({ a: "no number" })],
  [2, "get-tiny-image", () => ({})],
  [1, "trigger-long-running-operation", () => ({ duration: 1 + Math.random() * 3, steps: 3 })],
  [1, "no-such-tool", () => ({})],
];
const total = calls.reduce((sum, [weight]) => sum + weight, 0);

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

class Session {
  constructor(url, client) {
    Object.assign(this, { url, client, id: 0, headers: {} });
  }

  async send(message) {
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream", ...this.headers };
    const response = await fetch(this.url, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", ...message }) });
    const body = await response.text();
    const session = response.headers.get("mcp-session-id");
    if (session) this.headers = { "mcp-session-id": session, "mcp-protocol-version": version };
    if (!response.ok) throw new Error(`${response.status}: ${body.slice(0, 200)}`);
    return body;
  }

  request(method, params = {}) {
    return this.send({ id: ++this.id, method, params });
  }

  async begin() {
    await this.request("initialize", { protocolVersion: version, capabilities: {}, clientInfo: { name: this.client, version: "1" } });
    await this.send({ method: "notifications/initialized" });
  }

  async end() {
    await fetch(this.url, { method: "DELETE", headers: this.headers });
  }
}

function choose() {
  let at = Math.random() * total;
  return calls.find(([weight]) => (at -= weight) < 0) ?? calls[0];
}

async function hold(url, client) {
  const session = new Session(url, client);
  await session.begin();
  await session.request("tools/list");
  for (let count = 3 + Math.random() * 12; count > 0; count--) {
    const [, name, parameters] = choose();
    await session.request("tools/call", { name, arguments: parameters() });
    await wait(200 + Math.random() * 1500);
  }
  await session.end();
}

async function client(url, name) {
  for (;;) {
    try {
      await hold(url, name);
    } catch (error) {
      console.error(`${name}: ${error.message}`);
      await wait(2000);
    }
  }
}

const [first, second] = process.argv.slice(2);
if (first === "--check") {
  await new Session(second, "check").begin().catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
} else {
  console.log(`calling ${first}`);
  for (let count = 0; count < Number(second ?? 5); count++) client(first, names[count % names.length]);
}
