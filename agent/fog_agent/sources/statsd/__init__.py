"""statsd and DogStatsD: lines over datagrams, as programs of many languages send them."""
