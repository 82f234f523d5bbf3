// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds metric families for one scrape.

use std::collections::BTreeMap;
use std::time::Duration;

use ipcon_observe::fields::{Family, Field, Kind, Value};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{TEXT_FORMAT, TextEncoder};

/// `Content-Type` of a page.
pub const CONTENT_TYPE: &str = TEXT_FORMAT;

/// Labels of a sample.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

/// The families of one scrape. A family exists once it has a sample, so what is not measured is absent.
#[derive(Default)]
pub(crate) struct Families(BTreeMap<&'static str, MetricFamily>);

impl Families {
    /// Adds a sample of a counter of seconds.
    pub(crate) fn seconds(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Labels<'_>,
        value: Duration,
    ) {
        let mut counter = Counter::default();
        counter.set_value(value.as_secs_f64());
        self.sample(name, help, MetricType::COUNTER, labels, |metric| {
            metric.set_counter(counter)
        });
    }

    /// Adds a sample of a counter. Exact up to 2^53.
    pub(crate) fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Labels<'_>,
        value: u64,
    ) {
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        self.sample(name, help, MetricType::COUNTER, labels, |metric| {
            metric.set_counter(counter)
        });
    }

    /// Adds a sample of a gauge.
    pub(crate) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Labels<'_>,
        value: f64,
    ) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        self.sample(name, help, MetricType::GAUGE, labels, |metric| {
            metric.set_gauge(gauge)
        });
    }

    /// Adds a sample of a field, if it is exported and the row has it.
    pub(crate) fn field<R>(&mut self, field: &Field<R>, row: &R, labels: Labels<'_>) {
        let (Some(metric), Some(value)) = (&field.metric, (field.get)(row)) else {
            return;
        };
        let labels = [labels, metric.labels].concat();
        let Family { name, help } = metric.family;
        let (count, number) = (value.as_u64(), value.as_f64());
        match (field.kind, value, count, number) {
            (Kind::Counter, Value::Time(time), _, _) => self.seconds(name, help, &labels, time),
            (Kind::Counter, _, Some(count), _) => self.counter(name, help, &labels, count),
            (Kind::Counter, _, None, _) | (_, _, _, None) => {}
            (_, _, _, Some(number)) => self.gauge(name, help, &labels, number),
        }
    }

    /// Adds a histogram. `buckets` are inclusive upper bounds with the observations of each bucket alone;
    /// `above` are those larger than every bound. A sum that was not measured is not a number.
    pub(crate) fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Labels<'_>,
        buckets: impl Iterator<Item = (f64, u64)>,
        above: u64,
        sum: f64,
    ) {
        let mut cumulative = 0u64;
        let buckets = buckets
            .map(|(bound, observations)| {
                cumulative = cumulative.saturating_add(observations);
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(bound);
                bucket.set_cumulative_count(cumulative);
                bucket
            })
            .collect();
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(cumulative.saturating_add(above));
        histogram.set_sample_sum(sum);
        self.sample(name, help, MetricType::HISTOGRAM, labels, |metric| {
            metric.set_histogram(histogram);
        });
    }

    fn sample(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: MetricType,
        labels: Labels<'_>,
        set: impl FnOnce(&mut Metric),
    ) {
        let mut metric = Metric::from_label(labels.iter().copied().map(label).collect());
        set(&mut metric);
        let family = self.0.entry(name).or_insert_with(|| {
            let mut family = MetricFamily::default();
            family.set_name(name.to_owned());
            family.set_help(help.to_owned());
            family.set_field_type(kind);
            family
        });
        family.mut_metric().push(metric);
    }

    /// The text format, families in order of name.
    pub(crate) fn encode(self) -> prometheus::Result<String> {
        let families: Vec<_> = self.0.into_values().collect();
        TextEncoder::new().encode_to_string(&families)
    }
}

fn label((name, value): (&str, &str)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}
