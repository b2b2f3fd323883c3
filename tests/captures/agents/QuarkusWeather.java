package w;

import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.service.SystemMessage;
import dev.langchain4j.service.UserMessage;
import io.quarkiverse.langchain4j.RegisterAiService;
import io.quarkus.runtime.QuarkusApplication;
import io.quarkus.runtime.annotations.QuarkusMain;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.context.control.ActivateRequestContext;
import jakarta.inject.Inject;

/** The weather agent with Quarkus and its langchain4j. */
@QuarkusMain
public class QuarkusWeather implements QuarkusApplication {
  @ApplicationScoped
  public static class Tools {
    @Tool("Weather of a city.")
    public String get_weather(String city) {
      return "18 degrees and sunny in Paris";
    }
  }

  @RegisterAiService(tools = Tools.class)
  @SystemMessage("You are a weather agent.")
  public interface Agent {
    String ask(@UserMessage String question);
  }

  @Inject Agent agent;

  @Override
  @ActivateRequestContext
  public int run(String... arguments) {
    System.out.println(agent.ask("Weather in Paris?"));
    return 0;
  }
}
