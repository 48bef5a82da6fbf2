//! Removals by prefix: one pass over the server's keys for all who wait for one.
//!
//! - **P1** A pass removes what stood under a prefix when its removal was asked for: it begins only afterwards.
//! - **P2** Who asks while a pass runs is served by the next one, together with all others who do. So of any
//!   number of removals asked for at one moment two passes serve all, and one if they come within [`GATHER`].
//! - **P3** A caller that goes away takes along only its own removal.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use redis::Cmd;

use super::queue::RetryQueue;
use crate::backend::stats::add;
use crate::backend::valkey::connection::{Live, ValkeyLink};
use crate::backend::valkey::remove::{glob, unlink};
use crate::backend::valkey::reply::{integer, scan_reply};
use crate::error::{Error, Result, RetryClass};

/// Keys per SCAN step and per UNLINK: small enough not to hold the server up.
const BATCH: usize = 1_000;
/// Refused keys that are named one by one in the log, of those that come together.
const NAMED: usize = 10;
/// How long a pass waits for company before it begins.
const GATHER: Duration = Duration::from_millis(1);

/// The removals that wait for a pass, and the right to make one.
#[derive(Default)]
pub(super) struct Passes {
    waiting: Mutex<Vec<Arc<Request>>>,
    queue: tokio::sync::Mutex<()>,
}

struct Request {
    prefixes: Vec<String>,
    outcome: OnceLock<Result<Vec<Swept>>>,
}

/// What became of one prefix.
#[derive(Clone, Debug)]
pub(in crate::backend::valkey) struct Swept {
    /// How many keys went.
    pub(in crate::backend::valkey) removed: Result<usize>,
    /// Nothing more is owed but keys that wait on their own because the server refused them.
    pub(in crate::backend::valkey) over: bool,
}

impl Passes {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Request>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits; dropped, it waits no longer (P3).
struct Waiting<'a>(&'a Passes, Arc<Request>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().retain(|other| !Arc::ptr_eq(other, &self.1));
    }
}

/// The requests of a pass under way; those without an outcome wait again when whoever makes it goes away.
struct UnderWay<'a>(&'a Passes, Vec<Arc<Request>>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.1.retain(|request| request.outcome.get().is_none());
        self.0.lock().append(&mut self.1);
    }
}

/// Removes every key that starts with one of `prefixes`. Keys written meanwhile may stay, as with any scan. An
/// error of its own for what the server refuses, one for all when the link fails.
pub(super) async fn remove_prefixes(
    passes: &Passes,
    link: &ValkeyLink,
    queue: &RetryQueue,
    live: &mut Live,
    prefixes: Vec<String>,
) -> Result<Vec<Swept>> {
    let request = Arc::new(Request {
        prefixes,
        outcome: OnceLock::new(),
    });
    let _waiting = Waiting(passes, Arc::clone(&request));
    passes.lock().push(Arc::clone(&request));
    let _my_pass = passes.queue.lock().await;
    if let Some(outcome) = request.outcome.get() {
        return outcome.clone();
    }
    tokio::time::sleep(GATHER).await;
    let all = UnderWay(passes, std::mem::take(&mut *passes.lock()));
    let mut pass = Pass::new(link, queue, &all.1);
    let scanned = pass.scan(live).await;
    for request in &all.1 {
        let outcome = match &scanned {
            // The server answers, and refuses to be looked through.
            Err(error) if error.retry_class() == RetryClass::Never && !link.is_closed() => {
                let refused = || Swept {
                    removed: Err(error.clone()),
                    over: false,
                };
                Ok(request.prefixes.iter().map(|_| refused()).collect())
            }
            Err(error) => Err(error.clone()),
            Ok(()) => Ok(request
                .prefixes
                .iter()
                .map(|prefix| pass.outcome(prefix))
                .collect()),
        };
        // Set once: a request is in one pass at a time.
        let _ = request.outcome.set(outcome);
    }
    request.outcome.get().cloned().unwrap_or_else(|| {
        // It was put into the list before the turn came, and only its own drop takes it out.
        Err(Error::unavailable("the removal was left out of its pass"))
    })
}

struct Pass<'a> {
    link: &'a ValkeyLink,
    queue: &'a RetryQueue,
    prefixes: HashMap<String, PrefixTally>,
    lengths: BTreeSet<usize>,
    named: usize,
}

#[derive(Default)]
struct PrefixTally {
    removed: usize,
    /// The first refusal of a key, and whether one of those refused found no room to wait on its own.
    refused: Option<Error>,
    full: bool,
}

impl<'a> Pass<'a> {
    fn new(link: &'a ValkeyLink, queue: &'a RetryQueue, requests: &[Arc<Request>]) -> Self {
        let prefixes: HashMap<String, PrefixTally> = requests
            .iter()
            .flat_map(|request| &request.prefixes)
            .map(|prefix| (prefix.clone(), PrefixTally::default()))
            .collect();
        Self {
            link,
            queue,
            lengths: prefixes.keys().map(String::len).collect(),
            prefixes,
            named: 0,
        }
    }

    fn outcome(&self, prefix: &str) -> Swept {
        let tally = self.prefixes.get(prefix);
        let refused = tally.and_then(|tally| tally.refused.clone());
        Swept {
            removed: refused.map_or(Ok(tally.map_or(0, |tally| tally.removed)), Err),
            over: tally.is_none_or(|tally| !tally.full),
        }
    }

    /// What all prefixes begin with.
    fn common(&self) -> String {
        let mut all = self.prefixes.keys();
        let mut common = all.next().cloned().unwrap_or_default();
        for prefix in all {
            let same = common
                .chars()
                .zip(prefix.chars())
                .take_while(|(a, b)| a == b);
            let len = same.map(|(c, _)| c.len_utf8()).sum();
            common.truncate(len);
        }
        common
    }

    /// Every prefix of the pass that `key` starts with.
    fn of(&mut self, key: &[u8], mut note: impl FnMut(&mut PrefixTally)) -> bool {
        let mut any = false;
        for len in &self.lengths {
            let head = key
                .get(..*len)
                .and_then(|head| std::str::from_utf8(head).ok());
            if let Some(tally) = head.and_then(|head| self.prefixes.get_mut(head)) {
                any = true;
                note(tally);
            }
        }
        any
    }

    /// SCAN until the cursor is 0 again, UNLINK in batches (T34).
    async fn scan(&mut self, live: &mut Live) -> Result<()> {
        let pattern = glob(&self.common());
        let mut cursor = b"0".to_vec();
        loop {
            if self.link.is_closed() {
                return Err(self.link.closed_error());
            }
            let mut cmd = Cmd::new();
            cmd.arg("SCAN")
                .arg(&cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(BATCH);
            let (next, mut keys) = scan_reply(self.link.send(live, &cmd).await?)?;
            keys.retain(|key| self.of(key, |_| {}));
            for batch in keys.chunks(BATCH) {
                self.unlink(live, batch).await?;
            }
            if next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn unlink(&mut self, live: &mut Live, keys: &[Vec<u8>]) -> Result<()> {
        match self.link.send(live, &unlink(keys)).await {
            // How many of several went under which prefix is not said; nearly always all of them did.
            Ok(reply) => {
                let mut missing = keys.len().saturating_sub(integer(reply)?);
                for key in keys {
                    let gone_before = missing > 0;
                    missing = missing.saturating_sub(1);
                    self.of(key, |tally| tally.removed += usize::from(!gone_before));
                }
                return Ok(());
            }
            Err(error) if error.retry_class() != RetryClass::Never => return Err(error),
            Err(_) => {}
        }
        // One of them is refused, and with it all: each for itself.
        let mut pipeline = redis::pipe();
        for key in keys {
            pipeline.add_command(unlink(std::slice::from_ref(key)));
        }
        let replies = self.link.send_many(live, &pipeline).await?;
        for (key, reply) in keys.iter().zip(replies) {
            match reply {
                Ok(reply) => {
                    let went = integer(reply)?;
                    self.of(key, |tally| tally.removed += went);
                }
                Err(error) => self.refused(key, &error),
            }
        }
        Ok(())
    }

    /// A key whose removal is refused waits on its own, so that its prefix need not.
    fn refused(&mut self, key: &[u8], error: &Error) {
        let text = String::from_utf8_lossy(key).into_owned();
        if !self.queue.owes(&text) {
            self.named += 1;
            name_refused(self.link, &text, error, self.named);
        }
        let full = !self.queue.push_refused(text, Instant::now());
        self.of(key, |tally| {
            tally.refused.get_or_insert_with(|| error.clone());
            tally.full |= full;
        });
    }
}

/// Counts and names a removal that the server refuses; `nth` of those that came together.
pub(super) fn name_refused(link: &ValkeyLink, key: &str, error: &Error, nth: usize) {
    add(&link.counters.retries_refused);
    if nth <= NAMED {
        tracing::error!(
            server = %link.settings,
            key,
            %error,
            "the server refuses a removal; this process reads the key as missing and tries again every second"
        );
    } else if nth == NAMED + 1 {
        tracing::error!(server = %link.settings, "the server refuses more removals than are named here");
    }
}
