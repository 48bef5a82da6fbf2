//! One connection for everybody, and the task that keeps it alive.
//!
//! The supervisor owns the life cycle: connect (attempts overlap, so that one that hangs does not hide
//! the server's return), PING, carry out the waiting invalidations, publish the link, then watch it.
//! While no link is published the circuit is open: requests fail at once with `Unavailable`. Nothing is
//! ever sent twice; only the retry queue repeats requests, and those are removals.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use backon::BackoffBuilder;
use redis::aio::{AsyncPushSender, MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, PushInfo, PushKind, Value};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::connect;
use super::fault::{kind_of, translate};
use super::retry::{Job, RetryQueue};
use super::settings::ValkeySettings;
use crate::backend::generation::Generations;
use crate::backend::stats::{Counters, add};
use crate::error::{Error, ErrorKind, Result, RetryClass};

/// The longest pause between two attempts to connect: with it the first success comes within a second
/// of the server's return.
const MAX_PAUSE: Duration = Duration::from_millis(400);
/// After a refused password there is no hurry.
const AUTH_PAUSE: Duration = Duration::from_secs(5);
/// Attempts under way at once.
const MAX_ATTEMPTS: usize = 3;
/// How soon waiting invalidations are tried again on a connection that works.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Everything that the supervisor and the callers share.
pub(super) struct Core {
    pub(super) settings: ValkeySettings,
    client: Client,
    link: RwLock<Link>,
    next_id: AtomicU64,
    closed: AtomicBool,
    /// A supervisor runs somewhere.
    supervised: AtomicBool,
    me: Weak<Core>,
    /// A link went down, a request timed out, an invalidation waits, or the service closes.
    wake: Notify,
    /// Run once, when a link is first published.
    on_first_up: std::sync::Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    /// The published link changed.
    changed: tokio::sync::watch::Sender<bool>,
    pub(super) counters: Counters,
    pub(super) generations: Generations,
    pub(super) queue: RetryQueue,
    pub(super) turns: [tokio::sync::Mutex<()>; 64],
}

#[derive(Default)]
struct Link {
    up: Option<Live>,
    /// Why it is down.
    why: Option<Error>,
    /// There has been a link before.
    before: bool,
}

/// A connection and its number: whoever reports a fault names the connection it saw.
#[derive(Clone)]
pub(super) struct Live {
    id: u64,
    connection: MultiplexedConnection,
    /// The connection's task has seen the end of it.
    dead: Arc<AtomicBool>,
}

impl Core {
    pub(super) fn new(settings: ValkeySettings) -> Result<Arc<Self>> {
        let client = connect::client(&settings)?;
        Ok(Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            supervised: AtomicBool::new(false),
            client,
            link: RwLock::default(),
            next_id: AtomicU64::new(1),
            closed: AtomicBool::new(false),
            wake: Notify::new(),
            on_first_up: std::sync::Mutex::default(),
            changed: tokio::sync::watch::Sender::new(false),
            counters: Counters::default(),
            generations: Generations::new(),
            queue: RetryQueue::new(settings.retry_limit),
            turns: std::array::from_fn(|_| tokio::sync::Mutex::new(())),
            settings,
        }))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Link> {
        self.link.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Link> {
        self.link.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_up(&self) -> bool {
        self.read().up.is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The connection, or at once the reason why there is none.
    pub(super) fn live(&self) -> Result<Live> {
        let link = self.read();
        if let Some(live) = &link.up {
            return Ok(live.clone());
        }
        add(&self.counters.refused);
        if self.is_closed() {
            return Err(Error::new(
                ErrorKind::Closed,
                format!("{} was closed", self.settings),
            ));
        }
        self.ensure_supervised();
        Err(match &link.why {
            Some(why) => Error::unavailable(format!(
                "{} is not connected; last error: {}",
                self.settings,
                why.message()
            ))
            .with_source(why.clone()),
            None => Error::unavailable(format!("{} is not connected yet", self.settings)),
        })
    }

    /// Starts a supervisor on the current runtime unless one runs. It ends with its runtime; the next
    /// caller, on another runtime, then starts one there.
    pub(super) fn ensure_supervised(&self) {
        if self.supervised.load(Ordering::SeqCst) || self.is_closed() {
            return;
        }
        let (Ok(runtime), Some(core)) = (tokio::runtime::Handle::try_current(), self.me.upgrade())
        else {
            return;
        };
        if self.supervised.swap(true, Ordering::SeqCst) {
            return;
        }
        // Built before it is spawned: it is dropped, and the flag lowered, also if it never runs.
        let watch = Supervision(core);
        runtime.spawn(async move { watch.0.supervise().await });
    }

    /// Sends one command and waits for its reply, once.
    pub(super) async fn send(&self, live: &mut Live, cmd: &Cmd) -> Result<Value> {
        match live.connection.send_packed_command(cmd).await {
            Ok(reply) => reply
                .extract_error()
                .map_err(|error| translate(&self.settings, error)),
            Err(error) => Err(self.failed(live.id, error)),
        }
    }

    /// [`send`](Self::send) of a script by its hash; `None` if the server does not know it.
    pub(super) async fn send_script(&self, live: &mut Live, cmd: &Cmd) -> Result<Option<Value>> {
        match live.connection.send_packed_command(cmd).await {
            Ok(reply) => match reply.extract_error() {
                Ok(reply) => Ok(Some(reply)),
                Err(error) if error.code() == Some("NOSCRIPT") => Ok(None),
                Err(error) => Err(translate(&self.settings, error)),
            },
            Err(error) => Err(self.failed(live.id, error)),
        }
    }

    /// Sends several commands in one write. Errors of single commands stay in their places.
    pub(super) async fn send_many(
        &self,
        live: &mut Live,
        pipeline: &Pipeline,
    ) -> Result<Vec<Result<Value>>> {
        let count = pipeline.len();
        match live
            .connection
            .send_packed_commands(pipeline, 0, count)
            .await
        {
            Ok(replies) if replies.len() == count => Ok(replies
                .into_iter()
                .map(|reply| {
                    reply
                        .extract_error()
                        .map_err(|error| translate(&self.settings, error))
                })
                .collect()),
            Ok(replies) => Err(Error::new(
                ErrorKind::Protocol,
                format!("{} replies came for {count} commands", replies.len()),
            )),
            Err(error) => Err(self.failed(live.id, error)),
        }
    }

    /// [`send`](Self::send) on whatever link there is.
    pub(super) async fn request(&self, cmd: &Cmd) -> Result<Value> {
        let mut live = self.live()?;
        self.send(&mut live, cmd).await
    }

    fn failed(&self, id: u64, error: redis::RedisError) -> Error {
        let dead = error.is_unrecoverable_error();
        let ours = translate(&self.settings, error);
        if ours.kind() == ErrorKind::Timeout {
            add(&self.counters.timeouts);
            // The supervisor finds out with a PING whether the server is slow or gone.
            self.wake.notify_one();
        } else if dead {
            self.down(id, ours.clone());
        }
        ours
    }

    /// Takes the link with this number down.
    fn down(&self, id: u64, why: Error) {
        let mut link = self.write();
        if link.up.as_ref().is_none_or(|live| live.id != id) {
            return;
        }
        let old = link.up.take();
        tracing::warn!(server = %self.settings, error = %why, "the cache server is away; reconnecting");
        link.why = Some(why);
        drop(link);
        // Dropped outside the lock: it ends the connection's task.
        drop(old);
        self.changed.send_replace(false);
        self.wake.notify_one();
    }

    fn up(&self, live: Live) {
        let (id, dead) = (live.id, Arc::clone(&live.dead));
        let mut link = self.write();
        if self.is_closed() {
            return;
        }
        if std::mem::replace(&mut link.before, true) {
            add(&self.counters.reconnects);
        }
        link.up = Some(live);
        link.why = None;
        drop(link);
        self.run_first_up();
        self.changed.send_replace(true);
        // It may have ended before it was published: then nobody has taken it down.
        if dead.load(Ordering::SeqCst) {
            self.down(id, self.gone());
        }
    }

    /// Runs `work` as soon as a link has been published: now, or when the first one is.
    pub(super) fn on_first_up(&self, work: impl FnOnce() + Send + 'static) {
        let before = {
            let mut waiting = self
                .on_first_up
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            waiting.push(Box::new(work));
            // After the push: a link published meanwhile is seen here, or its publisher sees the work.
            self.read().before
        };
        if before {
            self.run_first_up();
        }
    }

    fn run_first_up(&self) {
        let work = std::mem::take(
            &mut *self
                .on_first_up
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for work in work {
            work();
        }
    }

    fn gone(&self) -> Error {
        Error::unavailable(format!("{} closed the connection", self.settings))
    }

    /// Keeps an invalidation for later; counts and reports one that finds no room.
    pub(super) fn retry_later(&self, job: Job) {
        if self.is_closed() || !self.queue.push(job) {
            let lost = self.counters.retries_lost.fetch_add(1, Ordering::Relaxed) + 1;
            // The 1st, 2nd, 4th, 8th … : a full queue must not flood the log.
            if !lost.is_power_of_two() {
                return;
            }
            tracing::error!(
                server = %self.settings,
                lost,
                limit = self.settings.retry_limit,
                "an invalidation was lost: the retry queue is full or closed; a stale value may live for its TTL"
            );
            return;
        }
        add(&self.counters.retries_queued);
        self.ensure_supervised();
        self.wake.notify_one();
    }

    /// One attempt: connect, authenticate, choose the database, PING. Not yet published.
    async fn attempt(self: Arc<Self>) -> Result<Live> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let dead = Arc::new(AtomicBool::new(false));
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.settings.connect_timeout))
            .set_response_timeout(Some(self.settings.response_timeout))
            .set_push_sender(Hook {
                core: Arc::downgrade(&self),
                id,
                dead: Arc::clone(&dead),
            });
        let work = async {
            let mut connection = self
                .client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            connection
                .send_packed_command(&redis::cmd("PING"))
                .await?
                .extract_error()?;
            Ok(Live {
                id,
                connection,
                dead,
            })
        };
        match tokio::time::timeout(self.settings.connect_timeout, work).await {
            Ok(Ok(live)) => Ok(live),
            Ok(Err(error)) if kind_of(&error) == ErrorKind::Timeout => Err(self.too_slow()),
            Ok(Err(error)) => Err(translate(&self.settings, error)),
            Err(_) => Err(self.too_slow()),
        }
    }

    fn too_slow(&self) -> Error {
        Error::timeout(format!(
            "no connection to {} within {:?}",
            self.settings, self.settings.connect_timeout
        ))
    }

    fn pauses() -> impl Iterator<Item = Duration> {
        backon::ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(25))
            .with_max_delay(MAX_PAUSE / 2)
            // Jitter adds up to the delay once more: never above MAX_PAUSE.
            .with_jitter()
            .without_max_times()
            .build()
    }

    /// The first connection: a bounded number of attempts, an error that waiting cannot mend at once.
    pub(super) async fn connect_first(self: &Arc<Self>) -> Result<()> {
        let mut pauses = Self::pauses();
        let mut attempt = 1;
        loop {
            match Arc::clone(self).attempt().await {
                Ok(live) => {
                    self.up(live);
                    return Ok(());
                }
                Err(error)
                    if attempt >= self.settings.connect_attempts
                        || error.retry_class() == RetryClass::Never =>
                {
                    return Err(error);
                }
                Err(error) => {
                    tracing::debug!(server = %self.settings, attempt, %error, "could not connect");
                }
            }
            attempt += 1;
            tokio::time::sleep(pauses.next().unwrap_or(MAX_PAUSE)).await;
        }
    }

    /// Attempts until one succeeds or the service is closed (`None`).
    async fn reconnect(self: &Arc<Self>) -> Option<Live> {
        let mut pauses = Self::pauses();
        let mut attempts = JoinSet::new();
        loop {
            if self.is_closed() {
                return None;
            }
            if attempts.len() < MAX_ATTEMPTS {
                attempts.spawn(Arc::clone(self).attempt());
            }
            let mut pause = pauses.next().unwrap_or(MAX_PAUSE);
            let until = tokio::time::Instant::now() + MAX_PAUSE;
            // A hanging attempt gets company after a while; a failed one a successor after the pause.
            match tokio::time::timeout_at(until, attempts.join_next()).await {
                Ok(Some(Ok(Ok(live)))) => return Some(live),
                Ok(Some(Ok(Err(error)))) => {
                    if error.kind() == ErrorKind::Auth {
                        pause = AUTH_PAUSE;
                    }
                    self.write().why = Some(error);
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.until_closed() => return None,
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    async fn until_closed(&self) {
        while !self.is_closed() {
            self.wake.notified().await;
        }
    }

    /// The supervisor: runs until the service is closed or its last handle is dropped.
    async fn supervise(self: &Arc<Self>) {
        while !self.is_closed() {
            if !self.is_up() {
                let Some(mut live) = self.reconnect().await else {
                    return;
                };
                // What was invalidated meanwhile goes before anybody can read it.
                self.drain(&mut live).await;
                if self.is_closed() {
                    return;
                }
                self.up(live);
                tracing::info!(server = %self.settings, "connected to the cache server");
                continue;
            }
            let pause = match self.queue.pending() {
                0 => self.settings.ping_interval,
                _ => RETRY_PAUSE.min(self.settings.ping_interval),
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            let Ok(mut live) = self.live() else {
                continue;
            };
            if let Err(error) = self.send(&mut live, &redis::cmd("PING")).await {
                // A server that answers, if only with an error (LOADING, BUSY), is there.
                if error.kind() == ErrorKind::Timeout {
                    self.down(live.id, error);
                }
                continue;
            }
            if self.queue.pending() > 0 {
                self.drain(&mut live).await;
            }
        }
    }

    /// Carries out what waits in the queue, until it is empty or the server refuses.
    pub(super) async fn drain(&self, live: &mut Live) {
        while self.queue.pending() > 0 {
            let jobs = self.queue.take(500);
            let count = jobs.len() as u64;
            match super::remove::carry_out(self, live, &jobs).await {
                Ok(()) => {
                    self.counters
                        .retries_done
                        .fetch_add(count, Ordering::Relaxed);
                }
                Err(error) => {
                    if error.retry_class() == RetryClass::Never {
                        tracing::error!(server = %self.settings, %error, count, "invalidations were refused for good");
                        self.counters
                            .retries_lost
                            .fetch_add(count, Ordering::Relaxed);
                        continue;
                    }
                    for job in jobs {
                        // There was room for them a moment ago; who came meanwhile may have taken it.
                        if !self.queue.push(job) {
                            add(&self.counters.retries_lost);
                        }
                    }
                    return;
                }
            }
        }
    }

    /// Resolves when a link is published, or the service closed.
    pub(super) async fn until_up(&self) {
        let mut changed = self.changed.subscribe();
        // The sender lives in `self`: this cannot fail.
        let _ = changed.wait_for(|up| *up || self.is_closed()).await;
    }

    /// No more requests; the supervisor ends by itself.
    pub(super) fn close(&self) -> Option<Live> {
        self.closed.store(true, Ordering::SeqCst);
        let live = self.write().up.take();
        self.changed.send_replace(false);
        self.wake.notify_one();
        live
    }
}

/// Lowers the flag when the supervisor ends, for whatever reason.
struct Supervision(Arc<Core>);

impl Drop for Supervision {
    fn drop(&mut self) {
        self.0.supervised.store(false, Ordering::SeqCst);
    }
}

/// Hears from the connection's task that the connection is gone.
struct Hook {
    core: Weak<Core>,
    id: u64,
    dead: Arc<AtomicBool>,
}

impl AsyncPushSender for Hook {
    fn send(&self, info: PushInfo) -> std::result::Result<(), SendError> {
        if info.kind == PushKind::Disconnection {
            self.dead.store(true, Ordering::SeqCst);
            if let Some(core) = self.core.upgrade() {
                core.down(self.id, core.gone());
            }
        }
        Ok(())
    }
}

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
