// Vercel AI SDK 5 with experimental_telemetry (attributes ai.*).
// Usage: node vercel_ai_5.mjs {generate|stream|embed|error} {proto|json}
import { createOpenAI } from '@ai-sdk/openai';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { embed, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const [scenario, encoding] = process.argv.slice(2);
const Exporter = encoding === 'json' ? JsonExporter : ProtoExporter;
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'weather-agent', 'service.version': '1.2.0' }),
  spanProcessors: [new BatchSpanProcessor(new Exporter())],
});
provider.register();

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY });
const call = {
  model: openai.chat(scenario === 'error' ? 'gpt-limited' : 'gpt-4o-mini'),
  system: 'You answer questions about the weather.',
  prompt: 'What is the weather in Paris?',
  tools: {
    get_weather: tool({
      description: 'Current weather of a city.',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => ({ city, celsius: 18, sky: 'sunny' }),
    }),
  },
  stopWhen: stepCountIs(5),
  maxRetries: 0,
  experimental_telemetry: {
    isEnabled: true,
    functionId: 'weather',
    metadata: { sessionId: 'session-42', userId: 'user-7' },
  },
};

try {
  if (scenario === 'stream') {
    for await (const chunk of streamText(call).textStream) process.stdout.write(chunk);
  } else if (scenario === 'embed') {
    const { maxRetries, experimental_telemetry } = call;
    await embed({ maxRetries, experimental_telemetry, model: openai.embedding('text-embedding-3-small'), value: 'weather in Paris' });
  } else {
    console.log((await generateText(call)).text);
  }
} catch (error) {
  console.log(String(error));
}
await provider.shutdown();
