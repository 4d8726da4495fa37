// Prompts; those that ask the user something first are in input.js.

import { completable } from "@modelcontextprotocol/server";
import { z } from "zod";
import { embedded, image, text } from "./content.js";

const CITIES = ["paris", "park", "party", "world"];

export function registerPrompts(server) {
  server.registerPrompt("test_simple_prompt", { description: "One fixed message" }, async () =>
    fromUser(text("This is a simple prompt for testing.")),
  );
  server.registerPrompt(
    "test_prompt_with_arguments",
    {
      description: "A message made of two arguments",
      argsSchema: z.object({
        arg1: completable(z.string().describe("First argument"), (typed) => CITIES.filter((city) => city.startsWith(typed))),
        arg2: z.string().describe("Second argument"),
      }),
    },
    async ({ arg1, arg2 }) => fromUser(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  );
  server.registerPrompt(
    "test_prompt_with_embedded_resource",
    {
      description: "A message that holds a resource",
      argsSchema: z.object({ resourceUri: z.string().describe("URI of the resource to embed") }),
    },
    async ({ resourceUri }) =>
      fromUser(
        embedded(resourceUri, "text/plain", "Embedded resource content for testing."),
        text("Please process the embedded resource above."),
      ),
  );
  server.registerPrompt("test_prompt_with_image", { description: "A message that holds a picture" }, async () =>
    fromUser(image(), text("Please analyze the image above.")),
  );
}

/** A prompt's result. */
export function fromUser(...contents) {
  return { messages: contents.map((content) => ({ role: "user", content })) };
}
