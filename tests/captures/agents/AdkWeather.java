import com.google.adk.agents.LlmAgent;
import com.google.adk.agents.RunConfig;
import com.google.adk.models.Gemini;
import com.google.adk.runner.InMemoryRunner;
import com.google.adk.tools.Annotations.Schema;
import com.google.adk.tools.FunctionTool;
import com.google.genai.Client;
import com.google.genai.types.Content;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.Part;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import java.util.Map;

/** The weather agent with ADK: STANDIN is the model's address, the exporter's is as usual. */
public class AdkWeather {
  public static Map<String, Object> getWeather(@Schema(name = "city") String city) {
    return Map.of("result", "18 degrees and sunny in Paris");
  }

  public static void main(String[] arguments) {
    String endpoint = System.getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + "/v1/traces";
    SdkTracerProvider provider =
        SdkTracerProvider.builder()
            .addSpanProcessor(
                BatchSpanProcessor.builder(
                        OtlpHttpSpanExporter.builder().setEndpoint(endpoint).build())
                    .build())
            .build();
    OpenTelemetrySdk.builder().setTracerProvider(provider).buildAndRegisterGlobal();
    Client client =
        Client.builder()
            .apiKey("none")
            .httpOptions(HttpOptions.builder().baseUrl(System.getenv("STANDIN")).build())
            .build();
    LlmAgent agent =
        LlmAgent.builder()
            .name("weather")
            .model(Gemini.builder().modelName("gemini-2.5-flash").apiClient(client).build())
            .instruction("You are a weather agent.")
            .tools(FunctionTool.create(AdkWeather.class, "getWeather"))
            .build();
    InMemoryRunner runner = new InMemoryRunner(agent, "weather");
    var session = runner.sessionService().createSession("weather", "user-7").blockingGet();
    runner
        .runAsync("user-7", session.id(), Content.fromParts(Part.fromText("Weather in Paris?")), RunConfig.builder().build())
        .blockingForEach(event -> System.out.println(event.stringifyContent()));
    provider.shutdown().join(10, java.util.concurrent.TimeUnit.SECONDS);
  }
}
