"""Settings: layers of tables, merged and validated; every problem at once, under the keys that the user typed."""
