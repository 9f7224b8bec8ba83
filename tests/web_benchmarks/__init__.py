"""Web servers under load: greenbridge's hosts beside others, in one run.

``python -m tests.web_benchmarks`` needs ``wrk`` (apt-get install wrk) and the extras bench and
compat. One worker process each; requests go to loopback only.
"""
