// Resources: a text, a picture, a template, and one that can be watched in the older eras.

import { ResourceTemplate } from "@modelcontextprotocol/server";
import { PNG } from "./content.js";

export function registerResources(server, { legacy }) {
  fixed(server, "static-text", "text/plain", "A text", { text: "This is the content of the static text resource." });
  fixed(server, "static-binary", "image/png", "A picture", { blob: PNG });
  fixed(server, "watched-resource", "text/plain", "A text that can be subscribed to", { text: "Watched resource content." });
  server.registerResource(
    "template",
    new ResourceTemplate("test://template/{id}/data", { list: undefined }),
    { description: "Data by id", mimeType: "application/json" },
    async (uri, { id }) => ({ contents: [{ uri: uri.href, mimeType: "application/json", text: templateText(id) }] }),
  );
  if (legacy) registerSubscriptions(server);
}

function fixed(server, name, mimeType, description, content) {
  const uri = `test://${name}`;
  server.registerResource(name, uri, { description, mimeType }, async () => ({ contents: [{ uri, mimeType, ...content }] }));
}

function templateText(id) {
  return JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
}

// In 2026-07-28 the package itself answers subscriptions/listen.
function registerSubscriptions(server) {
  const watched = new Set();
  server.server.registerCapabilities({ resources: { subscribe: true } });
  server.server.setRequestHandler("resources/subscribe", async ({ params }) => {
    watched.add(params.uri);
    return {};
  });
  server.server.setRequestHandler("resources/unsubscribe", async ({ params }) => {
    watched.delete(params.uri);
    return {};
  });
}
