// What the official JavaScript client makes of a server: `node stream.mjs CASE`, with the base URL in BASE_URL.
// Each case prints one JSON document, which test_javascript.py looks at, and waits until standard input is closed, so
// that what it left behind is not ended by the end of the process.

import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "none", maxRetries: 0 });
const chat = client.chat.completions;
const asked = (prompt, more = {}) => ({ model: "scripted", messages: [{ role: "user", content: prompt }], ...more });
const long = { n: 4, logprobs: true, top_logprobs: 20 };

const forecast = (called) => ({
  type: "function",
  function: {
    name: "get_weather",
    description: "Tell the weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    parse: JSON.parse,
    function: ({ city }) => {
      called.push(city);
      return `21 degrees in ${city}`;
    },
  },
});

const raised = (error) => ({
  class: error.constructor.name,
  openai: error instanceof OpenAI.OpenAIError,
  status: error.status,
  code: error.code,
  param: error.param,
  type: error.type,
  requestId: error.requestID,
  message: error.message,
});

const refused = async (changes) => {
  try {
    await chat.create({ ...asked("hello"), ...changes });
  } catch (error) {
    return raised(error);
  }
  throw new Error("the request was not refused");
};

const cases = {
  async text() {
    const { data, request_id } = await chat
      .create(asked("emoji", { stream: true, stream_options: { include_usage: true } }))
      .withResponse();
    const chunks = [];
    for await (const chunk of data) chunks.push(chunk);
    const last = chunks.pop();
    return {
      text: chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""),
      role: chunks[0].choices[0].delta.role,
      finish: chunks.at(-1).choices[0].finish_reason,
      choices: last.choices,
      usage: last.usage,
      requestId: request_id,
    };
  },

  async helper() {
    const seen = [];
    const stream = chat.stream(asked("hello", { stream_options: { include_usage: true } }));
    stream.on("content", (delta) => seen.push(delta));
    const final = await stream.finalChatCompletion();
    return { seen, content: final.choices[0].message.content, finish: final.choices[0].finish_reason, usage: final.usage };
  },

  async whole() {
    const answer = await chat.create(asked("hello"));
    return { content: answer.choices[0].message.content, usage: answer.usage };
  },

  async tools() {
    const called = [];
    const runner = chat.runTools(asked("weather", { stream: true, tools: [forecast(called)] }));
    const content = await runner.finalContent();
    return { called, content, roles: runner.messages.map((message) => message.role) };
  },

  async cities() {
    const called = [];
    const runner = chat.runTools(asked("cities", { stream: true, tools: [forecast(called)] }));
    await runner.finalContent();
    return { called };
  },

  async reasoning() {
    let reasoning = "";
    for await (const chunk of await chat.create(asked("riddle", { stream: true }))) {
      reasoning += chunk.choices[0].delta.reasoning_content ?? "";
    }
    const { message } = (await chat.create(asked("riddle"))).choices[0];
    return { streamed: reasoning, whole: message.reasoning_content, content: message.content };
  },

  async embedding() {
    const { data } = await client.embeddings.create({ model: "scripted", input: "hello" });
    return { embedding: Array.from(data[0].embedding) };
  },

  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { ids };
  },

  async refusals() {
    return {
      parameter: await refused({ temperature: 9, stream: true }),
      model: await refused({ model: "nope" }),
    };
  },

  async abort() {
    const leaving = new AbortController();
    const stream = await chat.create(asked("count", { stream: true, ...long }), { signal: leaving.signal });
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 3) leaving.abort();
    return { chunks, aborted: leaving.signal.aborted };
  },

  async break() {
    let chunks = 0;
    for await (const _ of await chat.create(asked("count", { stream: true, ...long }))) if (++chunks === 3) break;
    return { chunks };
  },

  async timeout() {
    try {
      await client.completions.create({ model: "scripted", prompt: Array(30).fill("count"), max_tokens: 1001 }, { timeout: 500 });
    } catch (error) {
      return raised(error);
    }
    throw new Error("it came in time");
  },

  async failure() {
    // Whoever started us ends the server when it has read this line.
    const stream = await chat.create(asked("count", { stream: true, ...long }));
    try {
      let chunks = 0;
      for await (const _ of stream) if (++chunks === 1) process.stdout.write("begun\n");
    } catch (error) {
      return raised(error);
    }
    throw new Error("the stream came to its end");
  },
};

console.log(JSON.stringify(await cases[process.argv[2]]()));
for await (const _ of process.stdin);
