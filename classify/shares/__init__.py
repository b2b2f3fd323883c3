"""Who judges which traces: shares that workers lease from the database, so that no two have one."""
