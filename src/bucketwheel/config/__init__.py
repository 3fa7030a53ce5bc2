"""Settings: layers of tables, merged and judged; every problem at once, under the path that the user typed."""
