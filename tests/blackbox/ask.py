"""Asks the blackbox exporter on this host for its verdict on each `MODULE TARGET` line of the input."""

import re
import sys
import urllib.parse
import urllib.request

for line in sys.stdin:
    module, target = line.split()
    query = urllib.parse.urlencode({"module": module, "target": target})
    with urllib.request.urlopen("http://127.0.0.1:9115/probe?" + query, timeout=20) as answer:
        metrics = answer.read().decode()
    print(re.search(r"^probe_success (\d)$", metrics, re.MULTILINE)[1], flush=True)
