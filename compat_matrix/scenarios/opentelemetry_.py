"""OpenTelemetry: the current span is that of the green thread, and its children are."""

import threading
import time

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from compat_matrix.services import LATENCY

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("compat")


def call(server, number):
    with tracer.start_as_current_span(str(number)) as span:
        time.sleep(LATENCY)
        assert trace.get_current_span() is span
        with tracer.start_as_current_span("child") as child:
            time.sleep(0)
            assert child.parent.span_id == span.get_span_context().span_id
        assert threading.current_thread() is not threading.main_thread() or number < 8
        return int(trace.get_current_span().name)
