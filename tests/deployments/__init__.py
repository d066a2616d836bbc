"""Deployments of servers, as deploy/ and docs/clusters.md have them, started on this machine."""
