"""Templates of alerts: the subset of Go's text/template that rule files use, compiled when a file is loaded.

    template = compile_template("{{ $labels.path }} has {{ $value | humanize }}", "High")
    text = template.render(TemplateData(labels, 5.0, query))

Values are printed as Go prints them. A template that cannot be read is a TemplateError; one that fails while it is
rendered gives a text that says so, as in Prometheus: the alert goes out all the same.
"""

from fog_aggregator.rules.templates.errors import TemplateError
from fog_aggregator.rules.templates.template import Template, TemplateData, Vector, compile_template

__all__ = ["Template", "TemplateData", "TemplateError", "Vector", "compile_template"]
