"""ddtrace: the active span is that of the green thread, and its children are."""

import os
import time

os.environ["DD_INSTRUMENTATION_TELEMETRY_ENABLED"] = "false"  # there is no agent here

from ddtrace.trace import TraceFilter, tracer

from compat_matrix.services import LATENCY

finished = {}


class Keep(TraceFilter):
    def process_trace(self, trace):
        finished[trace[0].get_metric("number")] = [span.name for span in trace]


tracer.configure(trace_processors=[Keep()])


def call(server, number):
    with tracer.trace("call") as span:
        span.set_metric("number", number)
        time.sleep(LATENCY)
        assert tracer.current_span() is span
        with tracer.trace(f"child-{number}") as child:
            time.sleep(0)
            assert child.parent_id == span.span_id
    return int(finished[number][1].removeprefix("child-"))
