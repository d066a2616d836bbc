"""Templates with their texts, for our own engine and for promtool's: (value, template, text).

A number is the value of a series without labels; None is the series ``up{job="a", n="1"}`` with the value 7.
"""

# ruff: noqa: E501 - a template and its text stand in one line each

from __future__ import annotations

from typing import Final


def failed(place: str, said: str) -> str:
    """Write the text of a template that failed."""
    where = f'template: __alert_A:{place}: executing "__alert_A" at {said}'
    return f"<error expanding template: error executing template __alert_A: {where}>"


Case = tuple[float | None, str, str]
VALUES: Final[list[Case]] = [
    (0.0, "{{ $value }}", "0"),
    (100000.0, "{{ $value }}", "100000"),
    (1234567.891, "{{ $value }}", "1.234567891e+06"),
    (1e21, "{{ .Value }}", "1e+21"),
    (1.2345e-05, "{{ $value }}", "1.2345e-05"),
    (0.0001, "{{ $value }}", "0.0001"),
    (None, "{{ $labels }}", "map[__name__:up job:a n:1]"),
    (None, "{{ $labels.job }}/{{ .Labels.n }}/{{ $labels.gone }}/{{ $.Value }}", "a/1//7"),
    (
        None,
        "{{ $externalLabels.site }} {{ .ExternalLabels }} {{ $externalURL }}",
        "here map[site:here] http://fog.example/x",
    ),
    (None, "{{ . }}", "{map[__name__:up job:a n:1] map[site:here] http://fog.example/x 7}"),
    (None, "{{ 0x10 }} {{ 1e3 }} {{ -5 }} {{ 017 }} {{ 1.0 }} {{ true }}", "16 1000 -5 15 1 true"),
    (None, '{{ "q\\n\\"\\u00e9" }} {{ `raw\\n` }} {{ "}}" }} {{ "{{" }} }}', 'q\n"é raw\\n }} {{ }}'),
    (None, "a {{- $value -}} b {{/* c */}} d {{- /* e */ -}} f", "a7b  df"),
    (None, "a {{  $value   -}}\n b", "a 7b"),
]
HUMANIZED: Final[list[Case]] = [
    (0.0, "{{ $value | humanize }} {{ humanize1024 $value }} {{ $value | humanizeDuration }}", "0 0 0s"),
    (1234567.891, "{{ $value | humanize }}", "1.235M"),
    (999.95, "{{ $value | humanize }}", "1000"),
    (-1234.5, "{{ $value | humanize }}", "-1.234k"),
    (1.235e-05, "{{ $value | humanize }} {{ $value | humanizeDuration }}", "12.35u 12.35us"),
    (1e30, "{{ $value | humanize }}", "1e+06Y"),
    (1.0, "{{ $value | humanize1024 }} {{ 1024.0 | humanize1024 }} {{ 1048576.0 | humanize1024 }}", "1 1ki 1Mi"),
    (0.5, "{{ $value | humanizePercentage }} {{ $value | humanizeDuration }}", "50% 500ms"),
    (93784.5, "{{ $value | humanizePercentage }} {{ $value | humanizeDuration }}", "9.378e+06% 1d 2h 3m 4s"),
    (3600.0, "{{ $value | humanizeDuration }}", "1h 0m 0s"),
    (61.0, "{{ $value | humanizeDuration }}", "1m 1s"),
    (-2.5, "{{ $value | humanizeDuration }}", "-2.5s"),
    (None, '{{ "12.5" | humanize }} {{ humanize 5 }} {{ humanizeDuration "90" }}', "12.5 5 1m 30s"),
    (float("inf"), "{{ $value | humanize }} {{ $value }} {{ $value | humanizeDuration }}", "+Inf +Inf +Inf"),
]
PRINTED: Final[list[Case]] = [
    (
        3.14159,
        '{{ printf "%.0f|%.2f|%f|%.1f|%0.0f|%.4g|%g|%e|%G" $value $value $value $value $value $value $value $value $value }}',
        "3|3.14|3.141590|3.1|3|3.142|3.14159|3.141590e+00|3.14159",
    ),
    (
        -2.5,
        '{{ printf "%8.3f|%-9.1f|%+.1f|% .1f|%08.2f|%v" $value $value $value $value $value $value }}',
        "  -2.500|-2.5     |-2.5|-2.5|-0002.50|-2.5",
    ),
    (
        7.0,
        '{{ $value | printf "%d" }} {{ printf "%s" $value }} {{ printf "%6.2f%%" $value }}',
        "%!d(float64=7) %!s(float64=7)   7.00%",
    ),
    (float("inf"), '{{ printf "%.2f|%+.2f|%8.1f|%08.1f" $value $value $value $value }}', "+Inf|+Inf|    +Inf|    +Inf"),
    (
        None,
        '{{ printf "%d %s %v %q %x %X %5s|%-5s|%05s|%.1s %t %c %U" 7 "a" true "x\\ty\\"é" "hi" "hi" "a" "b" "c" "def" true 65 233 }}',
        '7 a true "x\\ty\\"é" 6869 6869     a|b    |0000c|d true A U+00E9',
    ),
    (
        None,
        '{{ printf "%05d|%+d|% d|%x|%#x|%o|%b|%c|%q|%3d|%-4d|%.3d|%8.3d" 42 42 42 255 255 8 5 65 65 7 7 7 7 }}',
        "00042|+42| 42|ff|0xff|10|101|A|'A'|  7|7   |007|     007",
    ),
    (
        None,
        '{{ printf "%d" }} {{ printf "x" 1 "a" }} {{ printf "%z %" 1 }}',
        "%!d(MISSING) x%!(EXTRA int=1, string=a) %!z(int=1) %!(NOVERB)",
    ),
    (
        None,
        '{{ printf "%s %d" $labels $labels }}',
        "map[__name__:up job:a n:1] map[%!d(string=__name__):%!d(string=up) %!d(string=job):%!d(string=a) %!d(string=n):%!d(string=1)]",
    ),
    (
        None,
        '{{ printf "%v %T %T %T %T %s" nil 1 1.5 "a" $labels nil }}',
        "<nil> int float64 string map[string]string %!s(<nil>)",
    ),
    (None, '{{ print 1 2 "a" 3 "b" }} {{ println "x" 1 }}|', "1 2a3b x 1\n|"),
    (None, '{{ $externalLabels.site | toUpper | printf "%s-%s" "a" | toLower }}', "a-here"),
]
QUERIES: Final[list[Case]] = [
    (None, '{{ with query "v" }}{{ . | first | value | humanize }}{{ end }}', "3.5"),
    (None, '{{ range query "v" }}{{ .Labels.job }}={{ .Value }} {{ end }}', "a=3.5 "),
    (
        None,
        '{{ range $i, $s := query "v" }}{{ $i }}:{{ $s.Labels.job }}={{ $s.Value }}{{ else }}none{{ end }}',
        "0:a=3.5",
    ),
    (None, '{{ range query "gone" }}x{{ else }}none{{ end }}', "none"),
    (None, "{{ printf \"v{job='%s'}\" $labels.job | query | first | value }}", "3.5"),
    (
        None,
        '{{ (query "v" | first).Labels.job }} {{ query "v" | first | label "job" }} {{ query "v" | first }}',
        "a a {map[__name__:v job:a] 3.5}",
    ),
    (None, '{{ first (query "v") | value | printf "%.2f" }} {{ len (query "v") }}', "3.50 1"),
    (
        None,
        '{{ query "gone" | first | value }}',
        failed("1:130", "<first>: error calling first: first() called on vector with no elements"),
    ),
    (
        None,
        '{{ index (query "v") 5 }}',
        failed("1:115", '<index (query "v") 5>: error calling index: index out of range: 5'),
    ),
]
CONTROLS: Final[list[Case]] = [
    (7.0, "{{ if gt $value 5.0 }}big{{ else if gt $value 2.0 }}mid{{ else }}small{{ end }}", "big"),
    (3.0, "{{ if gt $value 5.0 }}big{{ else if gt $value 2.0 }}mid{{ else }}small{{ end }}", "mid"),
    (1.0, "{{ if gt $value 5.0 }}big{{ else if gt $value 2.0 }}mid{{ else }}small{{ end }}", "small"),
    (
        None,
        '{{ eq $labels.job "b" "a" }} {{ ne 1 2 }} {{ lt 1.5 2.5 }} {{ le 2 2 }} {{ ge "b" "a" }} {{ not true }}',
        "true true true true true false",
    ),
    (None, '{{ or $labels.gone "default" }} {{ and 1 "x" 0 2 }} {{ and (eq 1 1) (lt 1 2) }}', "default 0 true"),
    (None, "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
    (
        None,
        '{{ $x := "a" }}{{ with $x }}{{ . }}{{ $.Value }}{{ end }}{{ with $labels.gone }}x{{ else }}y{{ end }}',
        "a7y",
    ),
    (
        None,
        "{{ range $k, $v := $labels }}{{ $k }}={{ $v }},{{ end }}{{ range $labels }}{{ . }};{{ end }}",
        "__name__=up,job=a,n=1,up;a;1;",
    ),
    (None, '{{ len $labels }} {{ len "äb" }} {{ index $labels "job" }} {{ index $labels "gone" }}', "3 3 a "),
    (None, "{{ if $labels }}some{{ end }}{{ if 0 }}x{{ end }}", "some"),
]
FAILURES: Final[list[Case]] = [
    (
        None,
        '{{ humanize "x" }}',
        failed("1:115", '<humanize "x">: error calling humanize: strconv.ParseFloat: parsing "x": invalid syntax'),
    ),
    (
        None,
        "{{ $labels | humanize }}",
        failed("1:125", "<humanize>: error calling humanize: can't convert map[string]string to float"),
    ),
    (
        None,
        "{{ if gt $value 5 }}big{{ end }}",
        failed("1:118", "<gt $value 5>: error calling gt: incompatible types for comparison"),
    ),
    (None, "{{ lt true false }}", failed("1:115", "<lt true false>: error calling lt: invalid type for comparison")),
    (None, "{{ eq 1 }}", failed("1:115", "<eq 1>: error calling eq: missing argument for comparison")),
    (
        None,
        "{{ .Foo }}",
        failed(
            "1:115",
            "<.Foo>: can't evaluate field Foo in type struct { Labels map[string]string; "
            "ExternalLabels map[string]string; ExternalURL string; Value float64 }",
        ),
    ),
    (None, "{{ $labels.job.x }}", failed("1:122", "<$labels.job.x>: can't evaluate field x in type string")),
    (None, "{{ humanize 1 2 }}", failed("1:115", "<humanize>: wrong number of args for humanize: want 1 got 2")),
    (None, "{{ printf }}", failed("1:115", "<printf>: wrong number of args for printf: want at least 1 got 0")),
    (None, "{{ printf 1 }}", failed("1:122", "<1>: expected string; found 1")),
    (None, "{{ $value | toUpper }}", failed("1:124", "<toUpper>: wrong type for value; expected string; got float64")),
    (
        None,
        "{{ first $value }}",
        failed("1:121", "<$value>: wrong type for value; expected template.queryResult; got float64"),
    ),
    (None, "{{ $value 1 }}", failed("1:115", "<$value>: can't give argument to non-function $value")),
    (None, "{{ .Value 1 }}", failed("1:115", "<.Value>: Value has arguments but cannot be invoked as function")),
    (None, "{{ .Labels.job 1 }}", failed("1:122", "<.Labels.job>: job is not a method but has arguments")),
    (None, "{{ $x := $x }}", failed("1:121", "<$x>: undefined variable: $x")),
    (
        None,
        "é {{ .Gone.x }}",
        failed(
            "1:123",
            "<.Gone.x>: can't evaluate field Gone in type struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value float64 }",
        ),
    ),
    (None, "{{ nil 1 }}", failed("1:115", "<nil>: can't give argument to non-function nil")),
    (
        None,
        "{{ .Gone 1 }}",
        failed(
            "1:115",
            "<.Gone>: can't evaluate field Gone in type struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value float64 }",
        ),
    ),
    (None, "{{ eq 1 1.0 }}", failed("1:115", "<eq 1 1.0>: error calling eq: incompatible types for comparison")),
    (None, "{{ toUpper nil }}", failed("1:123", "<nil>: cannot assign nil to string")),
    (None, "{{ nil }}", failed("1:115", "<nil>: nil is not a command")),
    (None, "{{ range $value }}x{{ end }}", failed("1:121", "<$value>: range can't iterate over 7")),
    (
        None,
        'line\n{{ humanize\n "x" }}',
        failed("2:3", '<humanize "x">: error calling humanize: strconv.ParseFloat: parsing "x": invalid syntax'),
    ),
]
CASES: Final = VALUES + HUMANIZED + PRINTED + QUERIES + CONTROLS + FAILURES
