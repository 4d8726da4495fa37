"""A server that answers every call at once, with the same answer.

    python stub.py

Its first line on stdout says where it listens: {"listen": PORT}.
"""

import asyncio
import json
import re

ANSWER = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "done"}]}})
RESPONSE = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n{ANSWER}".encode()
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(RESPONSE)
    except asyncio.IncompleteReadError:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(json.dumps({"listen": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
