//! What happens when a request ends, however it ends: answered, failed, or its future dropped.

use super::link::Core;
use super::retry::Job;
use crate::backend::stats::add;

/// Voids the leases on a key when a write begins and once more when it is over, answered or dropped (T6).
pub(super) struct Voiding<'a> {
    core: &'a Core,
    key: &'a str,
}

impl<'a> Voiding<'a> {
    pub(super) fn new(core: &'a Core, key: &'a str) -> Self {
        core.generations.bump(key);
        Self { core, key }
    }
}

impl Drop for Voiding<'_> {
    fn drop(&mut self) {
        self.core.generations.bump(self.key);
    }
}

/// Queues a removal unless it is told that the removal is done: a failed, timed out or dropped
/// invalidation is carried out later (T37).
pub(super) struct RetryGuard<'a> {
    core: &'a Core,
    job: Option<Job>,
}

impl<'a> RetryGuard<'a> {
    pub(super) fn new(core: &'a Core, job: Job) -> Self {
        Self {
            core,
            job: Some(job),
        }
    }

    pub(super) fn disarm(mut self) {
        self.job = None;
    }
}

impl Drop for RetryGuard<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            self.core.retry_later(job);
        }
    }
}

/// Jobs being carried out; dropped before they are settled (an error, a deadline, the end of the
/// runtime), they go back into the queue.
pub(super) struct Batch<'a> {
    core: &'a Core,
    jobs: Vec<Job>,
}

impl<'a> Batch<'a> {
    /// Takes up to `most` jobs out of the queue.
    pub(super) fn take(core: &'a Core, most: usize) -> Self {
        let jobs = core.queue.take(most);
        Self { core, jobs }
    }

    pub(super) fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    pub(super) fn settle(&mut self) {
        self.core.queue.settle(self.jobs.len());
        self.jobs.clear();
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let count = self.jobs.len();
        for job in self.jobs.drain(..) {
            // There was room for them a moment ago; who came meanwhile may have taken it.
            if !self.core.queue.push(job) {
                add(&self.core.counters.retries_lost);
            }
        }
        self.core.queue.settle(count);
    }
}
