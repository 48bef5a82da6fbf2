//! Carrying out the removals that the server owes: keys in pipelines, prefixes in one pass, each settled by its
//! own answer (R2 of `retry.rs`).

use std::collections::VecDeque;
use std::time::Instant;

use super::core::{Core, Live};
use super::pass;
use super::remove::unlink;
use super::retry::{Condition, Fate, Taken, Target};
use super::script;
use crate::backend::stats::add;
use crate::error::{Error, ErrorKind, Result, RetryClass};

/// Removals in one write.
const BATCH: usize = 500;
/// Refused keys that are named one by one in the log, of those that come together.
const NAMED: usize = 10;

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
    core: &'a Core,
    jobs: VecDeque<Taken>,
    named: usize,
}

impl<'a> Batch<'a> {
    fn take(core: &'a Core) -> Self {
        Self {
            core,
            jobs: core.queue.take(Instant::now()).into(),
            named: 0,
        }
    }

    /// Settles the job at the front.
    fn settle(&mut self, result: Result<()>) {
        let Some(job) = self.jobs.pop_front() else {
            return;
        };
        let fate = result.as_ref().map_or_else(fate_of, |()| Fate::Done);
        let newly_refused = self.core.queue.settle(&job, fate, Instant::now());
        match (fate, &result) {
            (Fate::Done, _) => add(&self.core.counters.retries_done),
            (Fate::Refused, Err(error)) if newly_refused => {
                self.named += 1;
                self.core.refused(job.target.text(), error, self.named);
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
        for swept in pass::remove_prefixes(self.core, live, prefixes).await? {
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
        let keys: Vec<Taken> = self
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
        let mut replies = self.core.send_each(live, &pipeline).await?.into_iter();
        if compares {
            replies.next();
        }
        for (job, reply) in keys.iter().zip(replies) {
            let result = match (reply, &job.condition) {
                (Err(error), Condition::Holds(text)) if error.code() == Some("NOSCRIPT") => {
                    let key = job.target.text();
                    let went = script::compare_and_delete(self.core, live, key, text).await;
                    if let Err(error) = &went
                        && !self.core.is_current(live.id)
                    {
                        return Err(error.clone());
                    }
                    went.map(drop)
                }
                (reply, _) => reply
                    .map(drop)
                    .map_err(|error| self.core.answered(live.id, error)),
            };
            self.settle(result);
        }
        Ok(())
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for job in &self.jobs {
            self.core.queue.settle(job, Fate::Unknown, Instant::now());
        }
    }
}

impl Core {
    /// Carries out what is due in the queue, until nothing is or the link fails.
    pub(super) async fn drain(&self, live: &mut Live) {
        loop {
            let mut batch = Batch::take(self);
            if batch.jobs.is_empty() || batch.carry_out(live).await.is_err() {
                return;
            }
            if !self.is_current(live.id) {
                return;
            }
        }
    }

    /// Counts and names a removal that the server refuses; `nth` of those that came together.
    pub(super) fn refused(&self, key: &str, error: &Error, nth: usize) {
        add(&self.counters.retries_refused);
        if nth <= NAMED {
            tracing::error!(
                server = %self.settings,
                key,
                %error,
                "the server refuses a removal; this process reads the key as missing and tries again every second"
            );
        } else if nth == NAMED + 1 {
            tracing::error!(server = %self.settings, "the server refuses more removals than are named here");
        }
    }
}
