//! How often a cache line has to come from another core, by replaying what threads really touched.
//!
//! Threads make one call each in turn, so that between two calls of a thread every other thread has made one: the worst
//! order for sharing. The accesses go through a directory that knows of every line who wrote it last and who has seen that.
//! A **transfer** is
//!
//! - a load of a line that another thread wrote since this one last had it;
//! - a store or read-modify-write to a line that another thread has touched since this one last wrote it.
//!
//! A plain store waits in the core's store buffer while the thread goes on; a load and a read-modify-write are waited for.
//!
//! Private caches are taken as endless: that a line also has to come from memory is part of what one thread measures.

use std::{
    collections::{HashMap, HashSet},
    sync::mpsc,
    thread,
};

use serde::Serialize;

use crate::{
    Access, Touch,
    calls::{Call, Random, Stage},
};

/// What calls of one kind cost in coherence, per call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Transfers {
    /// Loads that had to fetch what another thread wrote.
    pub loads: f64,
    /// Read-modify-writes that had to take the line from others.
    pub updates: f64,
    /// Stores that had to take the line from others.
    pub stores: f64,
    /// Of all these, those of the line that has most: it can only be at one core at a time.
    pub hottest: f64,
    /// Stores and read-modify-writes to lines that another thread touched at any time.
    pub to_shared_lines: f64,
}

impl Transfers {
    /// Those that the thread waits for.
    #[must_use]
    pub fn waited_for(&self) -> f64 {
        self.loads + self.updates
    }
}

/// Lets `threads` threads make `calls` calls each, in turn, after as many that are not looked at, on a cache of `capacity`.
///
/// # Panics
/// If a call does not answer what it should.
pub fn transfers(call: Call, threads: usize, calls: usize, capacity: u64) -> Transfers {
    let stage = Stage::new(call, capacity);
    let mut directory = Directory::default();
    thread::scope(|scope| {
        let stage = &stage;
        let worker = |id: usize| {
            let (go, turns) = mpsc::channel::<()>();
            let (seen, log) = mpsc::channel();
            scope.spawn(move || {
                let mut random = Random::new(id as u64 + 1);
                while turns.recv().is_ok() {
                    let touches = stage.step(&mut random);
                    if seen.send(touches).is_err() {
                        return;
                    }
                }
            });
            (go, log)
        };
        let workers: Vec<_> = (0..threads).map(worker).collect();
        for round in 0..2 * calls {
            if round == calls {
                directory.counting = true;
            }
            for (id, (go, log)) in workers.iter().enumerate() {
                go.send(()).expect("the thread lives");
                let touches = log.recv().expect("the call answers as it should");
                directory.run(id, &touches);
            }
        }
    });
    directory.sum((threads * calls) as f64)
}

#[derive(Default)]
struct Line {
    writer: Option<usize>,
    /// Who has the line as it is now; the writer alone if nobody else has looked since.
    holders: HashSet<usize>,
    /// Who touched it while it counted.
    touched_by: HashSet<usize>,
    writes: u64,
    transfers: u64,
}

#[derive(Default)]
struct Directory {
    lines: HashMap<usize, Line>,
    counting: bool,
    loads: u64,
    updates: u64,
    stores: u64,
}

impl Directory {
    fn run(&mut self, thread: usize, touches: &[Touch]) {
        for touch in touches {
            if touch.access == Access::Fence {
                continue;
            }
            let line = self.lines.entry(touch.line).or_default();
            let reads = touch.access == Access::Load;
            let moved = if reads {
                let stale = !line.holders.contains(&thread);
                line.holders.insert(thread);
                stale && line.writer.is_some_and(|writer| writer != thread)
            } else {
                let others = line.holders.iter().any(|holder| *holder != thread);
                line.holders.clear();
                line.holders.insert(thread);
                line.writer = Some(thread);
                others
            };
            if self.counting {
                line.touched_by.insert(thread);
                line.writes += u64::from(!reads);
                line.transfers += u64::from(moved);
                *match touch.access {
                    Access::Load => &mut self.loads,
                    Access::Update => &mut self.updates,
                    Access::Store | Access::Fence => &mut self.stores,
                } += u64::from(moved);
            }
        }
    }

    fn sum(&self, calls: f64) -> Transfers {
        let shared = self.lines.values().filter(|line| line.touched_by.len() > 1);
        let hottest = self.lines.values().map(|line| line.transfers).max();
        Transfers {
            loads: self.loads as f64 / calls,
            updates: self.updates as f64 / calls,
            stores: self.stores as f64 / calls,
            hottest: hottest.unwrap_or(0) as f64 / calls,
            to_shared_lines: shared.map(|line| line.writes).sum::<u64>() as f64 / calls,
        }
    }
}
