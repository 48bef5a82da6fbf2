//! Removals that the server owes: kept in a [queue], and carried out, keys in pipelines, prefixes in one
//! [pass], each settled by its own answer (R2).

mod pass;
mod queue;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use pass::Passes;
pub(super) use pass::Swept;
pub(super) use queue::{Condition, Job, Target};
use queue::{Fate, RetryQueue, TakenRemoval};

use super::connection::{Live, ValkeyLink};
use super::remove::unlink;
use super::script;
use crate::backend::stats::add;
use crate::error::{Error, ErrorKind, Result, RetryClass};

/// Removals in one write.
const BATCH: usize = 500;

/// Whether a removal that failed so is still owed: what the server holds is outdated, and may go once something
/// has changed there.
pub(super) fn is_owed(error: &Error) -> bool {
    match error.kind() {
        // Of a removal under a condition: the key holds no text, so not the one that was to go. Of a write:
        // nothing was written, and what stands there was never a value.
        ErrorKind::WrongType => false,
        ErrorKind::Auth | ErrorKind::Server | ErrorKind::Protocol => true,
        _ => error.retry_class() != RetryClass::Never,
    }
}

fn fate_of(error: &Error) -> Fate {
    if !is_owed(error) {
        Fate::Done
    } else if error.retry_class() == RetryClass::Never {
        Fate::Refused
    } else {
        Fate::Later
    }
}

/// Jobs being carried out; dropped before they are settled (an error, a deadline, the end of the runtime), they
/// wait again.
struct Batch<'a> {
    retries: &'a Retries,
    jobs: VecDeque<TakenRemoval>,
    named: usize,
}

impl<'a> Batch<'a> {
    fn take(retries: &'a Retries) -> Self {
        Self {
            retries,
            jobs: retries.queue.take(Instant::now()).into(),
            named: 0,
        }
    }

    /// Settles the job at the front.
    fn settle(&mut self, result: Result<()>) {
        let Some(job) = self.jobs.pop_front() else {
            return;
        };
        let fate = result.as_ref().map_or_else(fate_of, |()| Fate::Done);
        let newly_refused = self.retries.queue.settle(&job, fate, Instant::now());
        match (fate, &result) {
            (Fate::Done, _) => add(&self.retries.link.counters.retries_done),
            (Fate::Refused, Err(error)) if newly_refused => {
                self.named += 1;
                pass::name_refused(&self.retries.link, job.target.text(), error, self.named);
            }
            _ => {}
        }
    }

    async fn carry_out(&mut self, live: &mut Live) -> Result<()> {
        while matches!(self.jobs.front(), Some(job) if matches!(job.target, Target::Key(_))) {
            self.keys(live).await?;
        }
        let prefixes: Vec<String> = self
            .jobs
            .iter()
            .map(|job| job.target.text().to_owned())
            .collect();
        if prefixes.is_empty() {
            return Ok(());
        }
        for swept in self.retries.remove_prefixes(live, prefixes).await? {
            let over = swept.over;
            self.settle(if over {
                Ok(())
            } else {
                swept.removed.map(drop)
            });
        }
        Ok(())
    }

    /// The keys at the front, in one write.
    async fn keys(&mut self, live: &mut Live) -> Result<()> {
        let keys: Vec<TakenRemoval> = self
            .jobs
            .iter()
            .take(BATCH)
            .take_while(|job| matches!(job.target, Target::Key(_)))
            .cloned()
            .collect();
        let mut pipeline = redis::pipe();
        let compares = keys.iter().any(|job| job.condition != Condition::Always);
        if compares {
            // A server that was started anew does not know the script. If it may not be loaded, each is sent
            // with its text below.
            pipeline.add_command(script::load_compare_and_delete());
        }
        for job in &keys {
            pipeline.add_command(match &job.condition {
                Condition::Always => unlink(&[job.target.text()]),
                Condition::Holds(text) => {
                    script::compare_and_delete_command(job.target.text(), text)
                }
            });
        }
        let mut replies = self
            .retries
            .link
            .send_each(live, &pipeline)
            .await?
            .into_iter();
        if compares {
            replies.next();
        }
        for (job, reply) in keys.iter().zip(replies) {
            let result = match (reply, &job.condition) {
                (Err(error), Condition::Holds(text)) if error.code() == Some("NOSCRIPT") => {
                    let key = job.target.text();
                    let went =
                        script::compare_and_delete(&self.retries.link, live, key, text).await;
                    if let Err(error) = &went
                        && !self.retries.link.is_current(live.id)
                    {
                        return Err(error.clone());
                    }
                    went.map(drop)
                }
                (reply, _) => reply
                    .map(drop)
                    .map_err(|error| self.retries.link.answered(live.id, error)),
            };
            self.settle(result);
        }
        Ok(())
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for job in &self.jobs {
            self.retries
                .queue
                .settle(job, Fate::Unknown, Instant::now());
        }
    }
}

/// The removals of one server that wait, and the way to carry them out.
pub(super) struct Retries {
    link: Arc<ValkeyLink>,
    pub(super) queue: RetryQueue,
    passes: Passes,
}

impl Retries {
    pub(super) fn new(link: Arc<ValkeyLink>) -> Self {
        Self {
            queue: RetryQueue::new(link.settings.retry_limit),
            passes: Passes::default(),
            link,
        }
    }

    /// Keeps an invalidation for later; counts and reports one that finds no room.
    pub(super) fn retry_later(&self, job: Job) {
        if self.link.is_closed() || !self.queue.push(job) {
            let lost = self
                .link
                .counters
                .retries_lost
                .fetch_add(1, Ordering::Relaxed)
                + 1;
            // The 1st, 2nd, 4th, 8th … : a full queue must not flood the log.
            if !lost.is_power_of_two() {
                return;
            }
            tracing::error!(
                server = %self.link.settings,
                lost,
                limit = self.link.settings.retry_limit,
                "an invalidation was lost: the retry queue is full or closed; a stale value may live for its TTL"
            );
            return;
        }
        add(&self.link.counters.retries_queued);
        self.link.call();
    }

    /// Carries out what is due in the queue, until nothing is or the link fails.
    pub(super) async fn drain(&self, live: &mut Live) {
        loop {
            let mut batch = Batch::take(self);
            if batch.jobs.is_empty() || batch.carry_out(live).await.is_err() {
                return;
            }
            if !self.link.is_current(live.id) {
                return;
            }
        }
    }

    /// Removes every key that starts with one of `prefixes`, in a pass that is shared with all who ask meanwhile.
    pub(super) async fn remove_prefixes(
        &self,
        live: &mut Live,
        prefixes: Vec<String>,
    ) -> Result<Vec<Swept>> {
        pass::remove_prefixes(&self.passes, &self.link, &self.queue, live, prefixes).await
    }
}

/// Queues a removal unless it is told that the removal is done: a failed, timed out or dropped
/// invalidation is carried out later (T37).
pub(super) struct RetryGuard<'a> {
    retries: &'a Retries,
    job: Option<Job>,
}

impl<'a> RetryGuard<'a> {
    pub(super) fn new(retries: &'a Retries, job: Job) -> Self {
        Self {
            retries,
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
            self.retries.retry_later(job);
        }
    }
}
