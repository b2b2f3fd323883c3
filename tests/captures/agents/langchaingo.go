// The weather agent with langchaingo, its callbacks written out as spans, as its users do: it has no
// tracing of its own. STANDIN is the model's address; the exporter's is as usual.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/tmc/langchaingo/callbacks"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

const model = "gpt-4.1-mini"

type spans struct {
	callbacks.SimpleHandler
	call oteltrace.Span
}

func text(value any) string {
	found, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(found)
}

func (s *spans) HandleLLMGenerateContentStart(ctx context.Context, asked []llms.MessageContent) {
	_, s.call = otel.Tracer("langchaingo").Start(ctx, "chat "+model)
	s.call.SetAttributes(
		attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.provider.name", "openai"),
		attribute.String("gen_ai.request.model", model),
		attribute.String("gen_ai.input.messages", text(asked)),
	)
}

func (s *spans) HandleLLMGenerateContentEnd(_ context.Context, told *llms.ContentResponse) {
	s.call.SetAttributes(
		attribute.String("gen_ai.output.messages", text(told.Choices)),
		attribute.String("gen_ai.usage", text(told.Choices[0].GenerationInfo)),
	)
	s.call.End()
}

func main() {
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		panic(err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
	otel.SetTracerProvider(provider)
	llm, err := openai.New(
		openai.WithModel(model),
		openai.WithToken("none"),
		openai.WithBaseURL(os.Getenv("STANDIN")+"/v1"),
		openai.WithCallback(&spans{}),
	)
	if err != nil {
		panic(err)
	}
	ctx, agent := otel.Tracer("weather").Start(ctx, "invoke_agent weather")
	agent.SetAttributes(
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("gen_ai.agent.name", "weather"),
		attribute.String("session.id", "session-42"),
	)
	schema := map[string]any{
		"type":       "object",
		"properties": map[string]any{"city": map[string]any{"type": "string"}},
		"required":   []string{"city"},
	}
	function := &llms.FunctionDefinition{Name: "get_weather", Description: "Weather.", Parameters: schema}
	tools := llms.WithTools([]llms.Tool{{Type: "function", Function: function}})
	messages := []llms.MessageContent{
		llms.TextParts(llms.ChatMessageTypeSystem, "You are a weather agent."),
		llms.TextParts(llms.ChatMessageTypeHuman, "Weather in Paris?"),
	}
	for range 2 {
		told, err := llm.GenerateContent(ctx, messages, tools)
		if err != nil {
			panic(err)
		}
		for _, call := range told.Choices[0].ToolCalls {
			_, step := otel.Tracer("langchaingo").Start(ctx, "get_weather")
			step.SetAttributes(attribute.String("tool_call", text(call)))
			result := llms.ToolCallResponse{
				ToolCallID: call.ID, Name: "get_weather", Content: "18 degrees and sunny in Paris",
			}
			step.SetAttributes(attribute.String("tool_result", text(result)))
			step.End()
			messages = append(messages,
				llms.MessageContent{Role: llms.ChatMessageTypeAI, Parts: []llms.ContentPart{call}},
				llms.MessageContent{Role: llms.ChatMessageTypeTool, Parts: []llms.ContentPart{result}},
			)
		}
	}
	agent.End()
	if err := provider.Shutdown(ctx); err != nil {
		panic(err)
	}
}
