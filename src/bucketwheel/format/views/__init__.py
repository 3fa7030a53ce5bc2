"""Views for readers other than installers: Warehouse JSON, feeds and pages for people. All of them are pure."""
