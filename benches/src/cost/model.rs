//! Throughput with more threads than there are cores here.
//!
//! *The model.* An operation takes what it takes one thread, plus one transfer of a cache line for each load and each
//! read-modify-write that finds its line changed or held by another core (a plain store is not waited for):
//!
//! ```text
//! ns(n)         = ns(1) + waits(n) × transfer_ns(n)
//! throughput(n) = min(n / ns(n), 1 / (transfers of the hottest line per operation × transfer_ns(n)))
//! ```
//!
//! `waits(n)` is counted, not guessed: n threads make their calls in turn on the library's own code and a cache as large as
//! the measured one, and a directory follows every line they touch (`tux_cache_watched::coherence`). `transfer_ns(n)` is measured here for two threads, and
//! published for more: the mean over the other cores of a machine of AMD EPYC 7R13 processors, 48 cores each in groups of
//! eight: 23 ns within a group, 107 ns across groups, 197 ns across sockets [1].
//!
//! *What it leaves out.* Turns are the worst order for sharing, and transfers overlap with other work, so real costs are
//! below; memory bandwidth, clock frequency under load and a line that many want at the same moment would put them above.
//!
//! [1] N. Viennot, *core-to-core-latency*, <https://github.com/nviennot/core-to-core-latency>, machine `c6a.metal`.

use serde::Serialize;
use tux_cache_watched::{
    calls::Call,
    coherence::{Transfers, transfers},
};

use super::{MODELLED, REPLAYED, THREADED_ENTRIES};

/// Cores that share a third-level cache on the published machine.
const GROUP: usize = 8;
/// Cores of one of its sockets.
const SOCKET: usize = 48;
const IN_GROUP_NS: f64 = 23.0;
const ACROSS_GROUPS_NS: f64 = 107.0;
const ACROSS_SOCKETS_NS: f64 = 197.0;

/// The mean over the other `threads - 1` cores, which are taken group by group and socket by socket.
pub(super) fn published_ns(threads: usize) -> f64 {
    let others = threads.saturating_sub(1).max(1);
    let near = others.min(GROUP - 1);
    let socket = others.min(SOCKET - 1) - near;
    let far = others - near - socket;
    let sum = near as f64 * IN_GROUP_NS
        + socket as f64 * ACROSS_GROUPS_NS
        + far as f64 * ACROSS_SOCKETS_NS;
    sum / others as f64
}

/// What the model says about one kind of load.
#[derive(Debug, Serialize)]
pub(super) struct Forecast {
    pub(super) what: &'static str,
    /// Measured, ns per operation of one thread alone.
    pub(super) one_thread_ns: f64,
    /// Measured, millions of operations a second of both threads together.
    pub(super) two_threads_mops: f64,
    /// What the model says about that, with this machine's own transfer.
    pub(super) two_threads_modelled_mops: f64,
    /// The model over what was measured.
    pub(super) modelled_over_measured: f64,
    /// With the published transfers.
    pub(super) points: Vec<Point>,
}

/// One number of threads.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    pub(super) threads: usize,
    pub(super) transfers: Transfers,
    pub(super) transfer_ns: f64,
    pub(super) ns: f64,
    /// Millions of operations a second, of all threads together.
    pub(super) mops: f64,
}

/// `two_ns`: wall time over the operations of both threads, as the ratios are given.
pub(super) fn forecast(
    what: &'static str,
    call: Call,
    one_ns: f64,
    two_ns: f64,
    transfer_here: f64,
) -> Forecast {
    let points: Vec<Point> = MODELLED
        .iter()
        .map(|&threads| {
            let found = transfers(call, threads, REPLAYED, THREADED_ENTRIES as u64);
            point(threads, found, published_ns(threads), one_ns)
        })
        .collect();
    let here = points.iter().find(|point| point.threads == 2);
    let here = here.map_or(0.0, |two| {
        point(2, two.transfers, transfer_here, one_ns).mops
    });
    let measured = 1_000.0 / two_ns;
    Forecast {
        what,
        one_thread_ns: one_ns,
        two_threads_mops: measured,
        two_threads_modelled_mops: here,
        modelled_over_measured: here / measured,
        points,
    }
}

fn point(threads: usize, found: Transfers, transfer_ns: f64, one_ns: f64) -> Point {
    let ns = one_ns + found.waited_for() * transfer_ns;
    let shared = threads as f64 / ns;
    let one_line = 1.0 / (found.hottest * transfer_ns);
    Point {
        threads,
        transfers: found,
        transfer_ns,
        ns,
        mops: 1_000.0 * shared.min(one_line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_costs_are_means_over_the_other_cores() {
        assert_eq!(published_ns(2), 23.0);
        assert_eq!(published_ns(8), 23.0);
        let expected = (7.0 * 23.0 + 24.0 * 107.0) / 31.0;
        assert!((published_ns(32) - expected).abs() < 1e-9);
        let expected = (7.0 * 23.0 + 40.0 * 107.0 + 48.0 * 197.0) / 95.0;
        assert!((published_ns(96) - expected).abs() < 1e-9);
    }

    #[test]
    fn without_transfers_throughput_is_linear_and_a_hot_line_bounds_it() {
        let free = point(32, Transfers::default(), 88.0, 10.0);
        assert!((free.mops - 3_200.0).abs() < 1e-9, "{free:?}");
        let found = Transfers {
            loads: 0.5,
            updates: 0.5,
            stores: 7.0,
            hottest: 0.5,
            ..Transfers::default()
        };
        let bound = point(96, found, 100.0, 10.0);
        assert!((bound.ns - 110.0).abs() < 1e-9);
        assert!(
            (bound.mops - 20.0).abs() < 1e-9,
            "one line, half a transfer each: {bound:?}"
        );
    }
}
