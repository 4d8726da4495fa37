// What a session saw: its steps in their order, and how each exchange looked on the wire.

const STEP_TIMEOUT_MS = 30_000;
/** Headers of one hop, and the length, which Node's server adds when an answer is complete before its head is out. */
const HOP = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding', 'via'];
/** Headers of which the values matter here. */
const TOLD = ['content-type', 'server-timing', 'www-authenticate'];

export class Recorder {
    steps = [];
    /** Names of sessions and states, which act as secrets. */
    secrets = new Set();
    #exchanges = [];

    /** One step: what `act` returns, or that it failed. */
    async step(name, act) {
        const limit = AbortSignal.timeout(STEP_TIMEOUT_MS);
        const late = new Promise((_, reject) => limit.addEventListener('abort', () => reject(new Error('no answer in time'))));
        try {
            this.steps.push({ step: name, value: (await Promise.race([act(), late])) ?? null });
        } catch (error) {
            this.steps.push({ step: name, broken: `${error.code ?? ''} ${error.message}` });
        }
    }

    /** A step that must be refused. */
    async refused(name, act) {
        await this.step(name, async () => {
            const answer = await act().catch(({ code, message }) => ({ code, message }));
            if (answer.content) throw new Error('expected a refusal');
            return answer;
        });
    }

    /** `fetch`, writing down what it did. */
    fetch = async (target, init) => {
        const response = await fetch(target, init);
        const { headers } = response;
        const message = typeof init?.body === 'string' ? ` ${JSON.parse(init.body).method ?? 'response'}` : '';
        const names = [...headers.keys()].filter(name => !HOP.includes(name)).sort();
        const told = TOLD.map(name => headers.get(name)).join(' | ');
        this.#exchanges.push(`${init?.method ?? 'GET'}${message}: ${response.status} ${told} [${names}]`);
        await this.#keepSecrets(response);
        return response;
    };

    /** Prints the transcript, and apart from it what nobody else may tell. */
    print(secrets = []) {
        // A standalone stream is opened while the session goes on.
        this.steps.push({ step: 'on the wire', value: this.#exchanges.sort() });
        console.log(JSON.stringify({ steps: this.steps, secrets: [...secrets, ...this.secrets] }));
    }

    async #keepSecrets(response) {
        const session = response.headers.get('mcp-session-id');
        if (session) this.secrets.add(session);
        // Only a whole answer can be read beside the client, and only the newest era's has such a state.
        const type = response.headers.get('content-type');
        const text = type === 'application/json' ? await response.clone().text() : '';
        const state = text && JSON.parse(text).result?.requestState;
        if (state) this.secrets.add(state);
    }
}
