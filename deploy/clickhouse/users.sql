-- The users of a ClickHouse server that is there already, as clickhouse/config/users.d/everyspan.xml has them for
-- the one of docker-compose.yml: the services write, the page and Grafana read. Put two passwords in, then:
--     clickhouse-client --host … --user … --password … --multiquery < users.sql
-- On a cluster put ON CLUSTER '{cluster}' after each name, or keep users in Keeper (user_directories).

CREATE SETTINGS PROFILE IF NOT EXISTS everyspan SETTINGS
    max_memory_usage = 2000000000,
    max_partitions_per_insert_block = 0,
    async_insert = 0;

CREATE USER IF NOT EXISTS everyspan IDENTIFIED BY 'PASSWORD' SETTINGS PROFILE everyspan;
GRANT ALL ON everyspan.* TO everyspan;
GRANT CREATE TEMPORARY TABLE ON *.* TO everyspan;
GRANT SELECT ON system.* TO everyspan;
-- On a cluster alone (EVERYSPAN_CLUSTER):
-- GRANT CLUSTER, REMOTE ON *.* TO everyspan;

CREATE SETTINGS PROFILE IF NOT EXISTS grafana SETTINGS
    readonly = 2,
    max_execution_time = 60 MIN 1 MAX 120,
    max_memory_usage = 1000000000 READONLY,
    max_memory_usage_for_user = 1500000000 READONLY,
    max_concurrent_queries_for_user = 50 READONLY,
    max_result_rows = 1000000 MIN 1 MAX 1000000,
    max_threads = 4,
    function_range_max_elements_in_block = 10000000 READONLY,
    max_hyperscan_regexp_length = 10000 READONLY,
    max_hyperscan_regexp_total_length = 100000 READONLY,
    cancel_http_readonly_queries_on_client_close = 1;

CREATE USER IF NOT EXISTS grafana IDENTIFIED BY 'PASSWORD' SETTINGS PROFILE grafana;
GRANT SELECT ON everyspan.* TO grafana;
GRANT SELECT ON system.databases TO grafana;
GRANT SELECT ON system.tables TO grafana;
GRANT SELECT ON system.columns TO grafana;
GRANT SELECT ON system.functions TO grafana;
GRANT SELECT ON system.settings TO grafana;
GRANT SELECT ON system.parts TO grafana;
