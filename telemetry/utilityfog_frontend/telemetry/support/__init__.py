"""Helpers of the SDK that no metric needs to know: files, forks, numbers, problems, tasks, traces."""
