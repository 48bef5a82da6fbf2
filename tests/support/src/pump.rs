//! One direction of one proxied connection.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::fault_proxy::{Fault, Plan};

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Reply,
}

/// How one direction ended, which decides how the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The sender closed in good order, or the plan says to close so.
    Close,
    /// The plan says to reset, or a socket failed.
    Reset,
}

/// What to do with a chunk.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Forward(Duration),
    /// Forward this many bytes, then end.
    ForwardThenEnd(usize, End),
    Swallow,
}

/// Counts the bytes of one direction under one plan.
struct Meter {
    direction: Direction,
    generation: u64,
    passed: u64,
    /// Once a byte is lost the stream can never be right again: it stays silent.
    lost: bool,
}

impl Meter {
    fn judge(&mut self, plan: Plan, length: usize) -> Verdict {
        if plan.generation != self.generation {
            self.generation = plan.generation;
            self.passed = 0;
        }
        let limit = match (plan.fault, self.direction) {
            (Fault::CutAfter(n), Direction::Reply) => Some((n, End::Reset)),
            (Fault::CutRequestsAfter(n), Direction::Request) => Some((n, End::Reset)),
            (Fault::Truncate(n), Direction::Reply) => Some((n, End::Close)),
            _ => None,
        };
        if self.lost || plan.fault == Fault::HalfOpen {
            self.lost = true;
            return Verdict::Swallow;
        }
        if let Some((limit, end)) = limit {
            let left = limit.saturating_sub(self.passed);
            if left <= length as u64 {
                return Verdict::ForwardThenEnd(left as usize, end);
            }
        }
        self.passed += length as u64;
        match plan.fault {
            Fault::Delay(delay) => Verdict::Forward(delay),
            _ => Verdict::Forward(Duration::ZERO),
        }
    }
}

/// Copies `from` to `to` under the plan of the moment until one side ends or the plan says so.
pub(crate) async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    plan: watch::Receiver<Plan>,
) -> End {
    // Reading and writing are apart so that a delay is latency and does not lower the throughput.
    let (queue, mut chunks) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let reader = async move {
        let generation = plan.borrow().generation;
        let mut meter = Meter {
            direction,
            generation,
            passed: 0,
            lost: false,
        };
        let mut buffer = vec![0_u8; 16 * 1024];
        loop {
            let length = match from.read(&mut buffer).await {
                Ok(0) => return End::Close,
                Ok(length) => length,
                Err(_) => return End::Reset,
            };
            let plan = *plan.borrow();
            let (keep, delay, end) = match meter.judge(plan, length) {
                Verdict::Swallow => continue,
                Verdict::Forward(delay) => (length, delay, None),
                Verdict::ForwardThenEnd(keep, end) => (keep, Duration::ZERO, Some(end)),
            };
            let chunk = (Instant::now() + delay, buffer[..keep].to_vec());
            if queue.send(chunk).await.is_err() {
                return End::Reset;
            }
            if let Some(end) = end {
                return end;
            }
        }
    };
    let writer = async move {
        while let Some((due, bytes)) = chunks.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return End::Reset;
            }
        }
        End::Close
    };
    let (read, written) = tokio::join!(reader, writer);
    if read == End::Reset || written == End::Reset {
        End::Reset
    } else {
        End::Close
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(direction: Direction) -> Meter {
        Meter {
            direction,
            generation: 0,
            passed: 0,
            lost: false,
        }
    }

    fn plan(fault: Fault, generation: u64) -> Plan {
        Plan { fault, generation }
    }

    #[test]
    fn a_cut_counts_from_the_switch_and_in_its_own_direction() {
        let mut replies = meter(Direction::Reply);
        assert_eq!(
            replies.judge(plan(Fault::Pass, 0), 100),
            Verdict::Forward(Duration::ZERO)
        );
        let cut = plan(Fault::CutAfter(10), 1);
        assert_eq!(replies.judge(cut, 6), Verdict::Forward(Duration::ZERO));
        assert_eq!(
            replies.judge(cut, 6),
            Verdict::ForwardThenEnd(4, End::Reset)
        );

        let mut requests = meter(Direction::Request);
        assert_eq!(requests.judge(cut, 6_000), Verdict::Forward(Duration::ZERO));
        let cut = plan(Fault::CutRequestsAfter(0), 2);
        assert_eq!(
            requests.judge(cut, 1),
            Verdict::ForwardThenEnd(0, End::Reset)
        );
    }

    #[test]
    fn a_stream_that_lost_a_byte_stays_silent() {
        let mut replies = meter(Direction::Reply);
        assert_eq!(replies.judge(plan(Fault::HalfOpen, 1), 5), Verdict::Swallow);
        assert_eq!(replies.judge(plan(Fault::Pass, 2), 5), Verdict::Swallow);
    }
}
