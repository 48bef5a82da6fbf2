//! What happens when a request ends, however it ends: answered, failed, or its future dropped.

use super::core::Core;
use super::retry::Job;

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
