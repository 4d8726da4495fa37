// A person in a conversation: a client of the TypeScript SDK that says what ChatGPT says.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { token } from './people.mjs';

export class Conversation {
    /** What the person answers when asked whether to pay. */
    action = 'accept';

    /** Of `era` modern or legacy, with the server at `url`, told to `recorder`. */
    constructor(person, era, url, recorder) {
        this.person = person;
        this.era = era;
        this.recorder = recorder;
        this.token = token(person);
        this.opened = new Promise(resolve => (this.streamIsOpen = resolve));
        const auth = {
            token: () => this.token,
            // Having been refused, it logs in again, and the SDK repeats its request.
            onUnauthorized: () => void (this.token = token(person))
        };
        this.transport = new StreamableHTTPClientTransport(url, { authProvider: auth, fetch: this.fetch });
        const mode = era === 'modern' ? { pin: '2026-07-28' } : 'legacy';
        const info = { name: 'chatgpt-like', version: '1.0.0' };
        this.client = new Client(info, { capabilities: { elicitation: {} }, versionNegotiation: { mode } });
        this.client.setRequestHandler('elicitation/create', () => ({
            action: this.action,
            ...(this.action === 'accept' && { content: { confirmed: true } })
        }));
    }

    fetch = async (target, init) => {
        const response = await this.recorder.fetch(target, init);
        if (init?.method === 'GET') this.streamIsOpen();
        return response;
    };

    /** Connected for good: in the older era with the stream that a client then opens. */
    async connect() {
        await this.client.connect(this.transport);
        if (this.era === 'legacy') await this.opened;
        return { server: this.client.getServerVersion(), version: this.client.getNegotiatedProtocolVersion() };
    }

    step(name, act) {
        return this.recorder.step(`${this.person.name}, ${this.era}: ${name}`, act);
    }

    /** A call that the tool answers, well or with an error. */
    call(tool, args, { fails = false } = {}) {
        const meta = {
            'openai/session': this.person.conversation,
            'openai/subject': this.person.subject,
            'openai/userAgent': 'ChatGPT/1.2026.300 (interop)',
            'openai/locale': 'en-GB'
        };
        return this.step(`${tool} ${JSON.stringify(args)}`, async () => {
            const result = await this.client.callTool({ name: tool, arguments: args, _meta: meta });
            if ((result.isError ?? false) !== fails) throw new Error(`unexpected: ${JSON.stringify(result)}`);
            return result;
        });
    }

    /** A widget that is not there. */
    readMissing(uri) {
        return this.recorder.refused(`${this.person.name}, ${this.era}: read ${uri}`, () => this.client.readResource({ uri }));
    }

    list() {
        return this.step('tools/list', () => this.client.listTools({}, { cacheMode: 'refresh' }));
    }

    read(uri) {
        return this.step(`read ${uri}`, () => this.client.readResource({ uri }));
    }
}
