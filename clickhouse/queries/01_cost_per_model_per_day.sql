-- What did each model cost per day, and how many tokens went in and out?
SELECT
    toDate(start_time) AS day,
    provider,
    model,
    countIf(step_kind = 'llm' AND twin_of = '') AS calls,
    sum(input_tokens) AS tokens_in,
    sum(output_tokens) AS tokens_out,
    round(sum(cost_usd), 4) AS cost,
    countIf(cost_usd IS NULL AND input_tokens > 0) AS calls_without_price
FROM everyspan.spans
WHERE start_time >= now() - INTERVAL 7 DAY AND model != '' AND replay_of = ''
GROUP BY day, provider, model
ORDER BY day DESC, cost DESC
