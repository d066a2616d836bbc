"""Choose the series that are sent: rules are applied once to each series, where its writer first meets it.

`rules` are the rules, which `parsing` makes of a file's words; `patterns` are regular expressions that cannot hang;
`watch` is the watch of what is sent.
"""
