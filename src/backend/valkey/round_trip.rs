//! One write to the server and its answer: timed, and in a span of its own.

use std::future::Future;
use std::time::Instant;

use redis::{Cmd, RedisResult};
use tracing::Instrument;
use tracing::field::Empty;

use super::connection::ValkeyLink;

impl ValkeyLink {
    /// Waits for the answer to what is `sent`. `command`: the first or only one of it.
    pub(super) async fn round_trip<R>(
        &self,
        command: Option<&Cmd>,
        commands: usize,
        sent: impl Future<Output = RedisResult<R>>,
    ) -> RedisResult<R> {
        let span = tracing::debug_span!(
            "cache.round_trip",
            server = %self.settings,
            command = command.map(name),
            commands,
            outcome = Empty,
            seconds = Empty,
        );
        let begun = Instant::now();
        let result = sent.instrument(span.clone()).await;
        let took = begun.elapsed();
        self.counters.round_trips.record(took);
        span.record(
            "outcome",
            if result.is_ok() { "answered" } else { "failed" },
        );
        span.record("seconds", took.as_secs_f64());
        result
    }
}

/// A command's name for a span, never its arguments.
fn name(cmd: &Cmd) -> &str {
    match cmd.args_iter().next() {
        Some(redis::Arg::Simple(name)) => std::str::from_utf8(name).unwrap_or_default(),
        _ => "",
    }
}
