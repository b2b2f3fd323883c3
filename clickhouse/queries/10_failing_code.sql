-- Which lines of code do failing steps come from?
SELECT
    code_file,
    code_line,
    code_function,
    any(code_revision) AS revision,
    countIf(tool_call_error = 'fail' OR data_leakage = 'fail') AS failing,
    count() AS steps,
    argMaxIf(trace_id, start_time, tool_call_error = 'fail' OR data_leakage = 'fail') AS newest_trace
FROM everyspan.spans
WHERE start_time >= now() - INTERVAL 1 DAY AND code_file != '' AND replay_of = ''
GROUP BY code_file, code_line, code_function
HAVING failing > 0
ORDER BY failing DESC
LIMIT 20
