"""Metrics as Prometheus names them; every name begins with `blaster_`."""

from collections.abc import Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


def gauge(name: str, words: str, value: float) -> Metric:
    """A figure that goes up and down."""
    return GaugeMetricFamily(f"blaster_{name}", words, value=value)


def counter(name: str, words: str, value: float) -> Metric:
    """A figure that only goes up; `_total` is put behind its name."""
    return CounterMetricFamily(f"blaster_{name}", words, value=value)


def gauges(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    """One for each value of a label. All values are given, those without anything to count as 0."""
    return _labelled(GaugeMetricFamily(f"blaster_{name}", words, labels=[label]), values)


def counters(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    """As `gauges`, for figures that only go up."""
    return _labelled(CounterMetricFamily(f"blaster_{name}", words, labels=[label]), values)


def _labelled(family: Metric, values: Mapping[str, float]) -> Metric:
    for value, number in values.items():
        family.add_metric([value], number)
    return family
