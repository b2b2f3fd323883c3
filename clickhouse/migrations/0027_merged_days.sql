-- A day that is over becomes one part once nothing came for it for six hours. FINAL has nothing to look
-- for in a partition of one merged part: questions about past days and weeks take half of the time and
-- less. What is larger than the engine merges by itself (150 GB) stays as it is.
ALTER TABLE $database.spans_raw$local $on_cluster MODIFY SETTING
    min_age_to_force_merge_seconds = 21600,
    min_age_to_force_merge_on_partition_only = 1,
    enable_max_bytes_limit_for_min_age_to_force_merge = 1;
