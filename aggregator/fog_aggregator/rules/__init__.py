"""Prometheus rule files: groups of recording and alerting rules, their templates and their evaluation. Pure.

    file = load(content, "rules.yml")
    state = RuleGroupState(file.groups[0])
    result = state.evaluate(at, storage)

Times are integer milliseconds. The format is Prometheus' own, and so are the words of the problems.
"""

from fog_aggregator.rules.alert import Alert, AlertState
from fog_aggregator.rules.evaluate import GroupResult, RuleGroupState, RuleProblem, vector_of
from fog_aggregator.rules.load import Problem, RuleFileError, load
from fog_aggregator.rules.model import AlertingRule, RecordingRule, Rule, RuleFile, RuleGroup
from fog_aggregator.rules.ports import Circumstances, RuleStorage, Sample, Surroundings

__all__ = [
    "Alert",
    "AlertState",
    "AlertingRule",
    "Circumstances",
    "GroupResult",
    "Problem",
    "RecordingRule",
    "Rule",
    "RuleFile",
    "RuleFileError",
    "RuleGroup",
    "RuleGroupState",
    "RuleProblem",
    "RuleStorage",
    "Sample",
    "Surroundings",
    "load",
    "vector_of",
]
