// Set-ups in JavaScript, one function each: node setups.mjs NAME. As setups.py.
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";

const STANDIN = process.env.STANDIN;
const SYSTEM = "You are a weather agent.";
const QUESTION = "Weather in Paris?";
const RESULT = "18 degrees and sunny in Paris";
const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

const provider = new NodeTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();

async function openaiLoop(OpenAI) {
  const client = new OpenAI({ apiKey: "none", baseURL: `${STANDIN}/v1` });
  const tool = { name: "get_weather", description: "Weather.", parameters: SCHEMA };
  const messages = [
    { role: "system", content: SYSTEM },
    { role: "user", content: QUESTION },
  ];
  for (let turn = 0; turn < 2; turn += 1) {
    const answer = await client.chat.completions.create({
      model: "gpt-4.1-mini",
      messages,
      tools: [{ type: "function", function: tool }],
    });
    const { message } = answer.choices[0];
    messages.push(message);
    for (const call of message.tool_calls ?? []) {
      messages.push({ role: "tool", tool_call_id: call.id, content: RESULT });
    }
  }
}

async function instrumented(instrumentation) {
  instrumentation.setTracerProvider(provider);
  const module = await import("openai");
  const { OpenAI } = module;
  instrumentation.manuallyInstrument?.(OpenAI);
  await openaiLoop(OpenAI);
}

const SETUPS = {
  async openinference_openai() {
    const { OpenAIInstrumentation } = await import("@arizeai/openinference-instrumentation-openai");
    await instrumented(new OpenAIInstrumentation());
  },
  async traceloop_openai() {
    const { OpenAIInstrumentation } = await import("@traceloop/instrumentation-openai");
    await instrumented(new OpenAIInstrumentation());
  },
  async traceloop_llamaindex() {
    const { LlamaIndexInstrumentation } = await import("@traceloop/instrumentation-llamaindex");
    const { createRequire } = await import("node:module");
    const require = createRequire(import.meta.url);
    const llamaindex = require("llamaindex");
    const openai = require("@llamaindex/openai");
    const { agent } = require("@llamaindex/workflow");
    const { z } = await import("zod");
    const instrumentation = new LlamaIndexInstrumentation();
    instrumentation.setTracerProvider(provider);
    instrumentation.manuallyInstrument(llamaindex, openai);
    const weather = llamaindex.tool({
      name: "get_weather",
      description: "Weather.",
      parameters: z.object({ city: z.string() }),
      execute: async () => RESULT,
    });
    const llm = new openai.OpenAI({
      model: "gpt-4.1-mini",
      apiKey: "none",
      baseURL: `${STANDIN}/v1`,
    });
    const messages = [
      { role: "system", content: SYSTEM },
      { role: "user", content: QUESTION },
    ];
    await llm.chat({ messages, tools: [weather] });
    await agent({ name: "weather", llm, tools: [weather], systemPrompt: SYSTEM }).run(QUESTION);
  },
  async ai_5_anthropic() {
    const { generateText, tool, stepCountIs } = await import("ai");
    const { createAnthropic } = await import("@ai-sdk/anthropic");
    const { z } = await import("zod");
    const anthropic = createAnthropic({ apiKey: "none", baseURL: `${STANDIN}/v1` });
    await generateText({
      model: anthropic("claude-sonnet-4-5"),
      system: SYSTEM,
      prompt: QUESTION,
      stopWhen: stepCountIs(3),
      tools: {
        get_weather: tool({
          description: "Weather.",
          inputSchema: z.object({ city: z.string() }),
          execute: async () => RESULT,
        }),
      },
      experimental_telemetry: {
        isEnabled: true,
        functionId: "weather",
        metadata: { sessionId: "session-42", userId: "user-7" },
      },
    });
  },
};

await SETUPS[process.argv[2]]();
await provider.forceFlush();
await provider.shutdown();
