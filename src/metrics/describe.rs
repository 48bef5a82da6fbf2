//! Every name, described once.

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations, counted by size.
    Histogram,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// The name, in OpenTelemetry's style.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// The unit as UCUM writes it: `s`, or `{entry}` and the like for what is counted.
    pub unit: &'static str,
    /// One sentence.
    pub text: &'static str,
}

const fn counter(name: &'static str, unit: &'static str, text: &'static str) -> Description {
    Description {
        name,
        kind: MetricKind::Counter,
        unit,
        text,
    }
}

const fn gauge(name: &'static str, unit: &'static str, text: &'static str) -> Description {
    Description {
        name,
        kind: MetricKind::Gauge,
        unit,
        text,
    }
}

const fn histogram(name: &'static str, unit: &'static str, text: &'static str) -> Description {
    Description {
        name,
        kind: MetricKind::Histogram,
        unit,
        text,
    }
}

/// All names there are, in the order of the guide's table.
pub const DESCRIPTIONS: &[Description] = &[
    counter(
        "cache.requests",
        "{request}",
        "Look-ups, by what they came to",
    ),
    counter(
        "cache.writes",
        "{entry}",
        "Values written, by whether the key was new",
    ),
    counter(
        "cache.evictions",
        "{entry}",
        "Entries that left by themselves, by the reason",
    ),
    counter(
        "cache.invalidations",
        "{entry}",
        "Entries, or calls of a manager, that removed something, by who asked",
    ),
    gauge(
        "cache.entries",
        "{entry}",
        "Entries in memory, expired ones that are not reclaimed yet among them",
    ),
    gauge(
        "cache.capacity",
        "{entry}",
        "The bound on the entries in memory",
    ),
    gauge(
        "cache.unreclaimed",
        "{entry}",
        "Entries unlinked, whose memory waits for its readers",
    ),
    gauge(
        "cache.ticker.lag",
        "s",
        "The most by which the clock was seen to be late",
    ),
    counter("cache.load.started", "{load}", "Loaders begun"),
    counter("cache.loads", "{value}", "Loads, by what became of them"),
    histogram("cache.load.duration", "s", "How long loaders ran"),
    counter(
        "cache.refreshes",
        "{load}",
        "Loads in the background of values that end soon or have ended",
    ),
    counter(
        "cache.loads.throttled",
        "{load}",
        "Loads not tried, because one of the same key had failed a moment ago",
    ),
    counter(
        "cache.soft_timeouts",
        "{request}",
        "Callers that got a stale value because a load was slow",
    ),
    counter(
        "cache.undecodable",
        "{value}",
        "Values of a wrong shape under a key; each was a miss",
    ),
    gauge(
        "cache.backend.connected",
        "1",
        "1 while there is a connection to the server, else 0",
    ),
    counter(
        "cache.backend.reconnects",
        "{connection}",
        "Connections made after the first",
    ),
    histogram(
        "cache.backend.round_trip.duration",
        "s",
        "How long the server took to answer",
    ),
    counter(
        "cache.backend.errors",
        "{error}",
        "Requests that failed, by the error's kind",
    ),
    counter(
        "cache.backend.retries",
        "{removal}",
        "Removals that were queued to be retried, and what became of them",
    ),
    gauge(
        "cache.backend.retry_queue",
        "{removal}",
        "Removals that wait in the queue, or are being carried out",
    ),
];
