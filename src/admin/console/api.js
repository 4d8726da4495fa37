// The API of this listener: who may ask shows a token, kept in this tab alone.

const KEY = "sightglass-token";
let asked = null;

/** `show` asks for a token and gives it; it is told why. */
export const login = { show: null };

export class Problem extends Error {
  constructor(status, told) {
    super(told?.hint ? `${told.error}: ${told.hint}` : (told?.error ?? `answered ${status}`));
    this.status = status;
  }
}

function headers(more = {}) {
  const token = sessionStorage.getItem(KEY);
  return token ? { ...more, authorization: `Bearer ${token}` } : more;
}

async function token(why) {
  // All that ask at once wait for the same answer.
  asked ??= login.show(why).then((token) => {
    sessionStorage.setItem(KEY, token);
    asked = null;
  });
  await asked;
}

/** The answer to a request, once its asker has shown a token where one is needed. */
export async function send(method, path, options = {}) {
  for (;;) {
    const shown = sessionStorage.getItem(KEY);
    const answer = await fetch(path, { ...options, method, headers: headers(options.headers), cache: "no-store" });
    if (answer.status !== 401) {
      if (!answer.ok && answer.status !== 304) throw new Problem(answer.status, await answer.json().catch(() => null));
      return answer;
    }
    if (shown === sessionStorage.getItem(KEY)) {
      sessionStorage.removeItem(KEY);
      await token(shown ? "This is not the token." : "");
    }
  }
}

export const get = async (path, signal) => (await send("GET", path, { signal })).json();

/** A query of what is said. */
export function query(parameters) {
  const said = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return said.length ? `?${new URLSearchParams(said)}` : "";
}

/** Server-sent events, which come again by themselves. `told(event, data)`; ends with `signal`. */
export async function events(path, told, signal) {
  let last = "";
  while (!signal.aborted) {
    try {
      const more = last ? { "last-event-id": last } : {};
      const answer = await send("GET", path, { signal, headers: { ...more, accept: "text/event-stream" } });
      told("open", null);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const said = { event: "message", data: "" };
          for (const line of block.split("\n")) {
            const [name, text] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()];
            if (name === "data") said.data += text;
            else if (name === "event") said.event = text;
            else if (name === "id") last = text;
          }
          if (said.data) told(said.event, JSON.parse(said.data));
        }
      }
    } catch (problem) {
      if (signal.aborted) return;
      told("problem", problem);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** Does something now and then, one after the other, until `signal`. */
export async function every(ms, act, signal, failed) {
  while (!signal.aborted) {
    if (!document.hidden) {
      try {
        await act();
        failed(null);
      } catch (problem) {
        if (!signal.aborted) failed(problem);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
