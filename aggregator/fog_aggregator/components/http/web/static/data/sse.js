// Server-sent events over fetch: unlike EventSource it can be told when to try again, and from which id on.

/**
 * Read messages until the stream ends.
 * @param {URL} url @param {{lastId: string, signal: AbortSignal, take: (kind: string, data: string, id: string) => void}} options
 * @throws {Error} where there is no stream
 */
export async function follow(url, { lastId, signal, take }) {
  const response = await fetch(url, { signal, headers: { Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) } });
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) message(block, take);
  }
}

function message(block, take) {
  const fields = { id: "", event: "message", data: "" };
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    const name = line.slice(0, at);
    if (name in fields) fields[name] = line.slice(at + 1).replace(/^ /, "");
  }
  if (fields.data) take(fields.event, fields.data, fields.id);
}
