//! The task that keeps the link alive: connect, publish, watch, carry out what waits.
//!
//! Attempts to connect overlap, so that one that hangs does not hide the server's return.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use backon::BackoffBuilder;
use redis::aio::{AsyncPushSender, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value};
use tokio::task::JoinSet;

use super::connect::{Connector, Progress};
use super::connection::{Linked, Live, ValkeyLink};
use super::error::translate;
use super::peer::Peer;
use super::retry::Retries;
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

/// Makes the connection and watches over it.
pub(super) struct Supervisor {
    link: Arc<ValkeyLink>,
    retries: Arc<Retries>,
    connector: Connector,
    next_id: AtomicU64,
    /// It runs somewhere.
    runs: AtomicBool,
}

impl Supervisor {
    pub(super) fn new(link: Arc<ValkeyLink>, retries: Arc<Retries>, connector: Connector) -> Self {
        Self {
            link,
            retries,
            connector,
            next_id: AtomicU64::new(1),
            runs: AtomicBool::new(false),
        }
    }

    pub(super) fn link(&self) -> &Arc<ValkeyLink> {
        &self.link
    }

    pub(super) fn retries(&self) -> &Arc<Retries> {
        &self.retries
    }

    /// Starts on the current runtime unless it runs. It ends with its runtime; the next caller, on another runtime, then
    /// starts it there.
    pub(super) fn start(self: &Arc<Self>) {
        if self.link.is_foreign() || self.runs.load(Ordering::SeqCst) || self.link.is_closed() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.runs.swap(true, Ordering::SeqCst) {
            return;
        }
        // Built before it is spawned: it is dropped, and the flag lowered, also if it never runs.
        let run = Run(Arc::clone(self));
        runtime.spawn(async move { run.run().await });
    }

    /// One attempt: connect, authenticate, choose the database, PING. Not yet published. A server that still
    /// loads its data is asked again and again on the same connection if the attempt is `patient`.
    async fn attempt(self: Arc<Self>, patient: bool) -> Result<Linked> {
        let mut linked = self.open().await?;
        let mut pauses = Self::pauses();
        loop {
            match self.ask_after(&mut linked).await {
                Ok(None) => return Ok(linked),
                Ok(Some(loading)) if patient && !self.link.is_closed() => {
                    self.link.note(loading);
                    tokio::time::sleep(pauses.next().unwrap_or(MAX_PAUSE)).await;
                }
                Ok(Some(error)) | Err(error) => return Err(error),
            }
        }
    }

    /// Up to the greeting. A replica will not do while a server is wanted that takes writes.
    async fn open(self: &Arc<Self>) -> Result<Linked> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let dead = Arc::new(AtomicBool::new(false));
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(self.link.settings.response_timeout))
            .set_push_sender(DisconnectHook {
                link: Arc::downgrade(&self.link),
                id,
                dead: Arc::clone(&dead),
            });
        let progress = Progress::default();
        let connecting = self
            .connector
            .connect(&self.link.settings, config, &progress);
        let connected = tokio::time::timeout(self.link.settings.connect_timeout, connecting)
            .await
            .unwrap_or_else(|_| Err(progress.too_slow(&self.link.settings)))?;
        if connected.greeting.is_replica() {
            let shown = &self.link.settings;
            if self.link.wants_primary() {
                return Err(Error::new(
                    ErrorKind::ReadOnly,
                    format!(
                        "{shown} is a replica and takes no writes; waiting for a server that does"
                    ),
                ));
            }
            tracing::warn!(server = %shown, "the cache server is a replica: writes will be refused");
        }
        Ok(Linked {
            live: Live {
                id,
                connection: connected.connection,
                _driver: connected.driver,
            },
            dead,
            peer: None,
        })
    }

    /// PING must be answered; who we are is worth knowing, but rules may forbid the question. An error in `Ok`: the
    /// server still reads its data in.
    async fn ask_after(&self, linked: &mut Linked) -> Result<Option<Error>> {
        let mut questions = redis::pipe();
        questions.cmd("PING").cmd("CLIENT").arg("INFO");
        let asked = linked
            .live
            .connection
            .send_packed_commands(&questions, 0, 2);
        let mut replies =
            match tokio::time::timeout(self.link.settings.connect_timeout, asked).await {
                Ok(Ok(replies)) => replies.into_iter(),
                Ok(Err(error)) => return Err(translate(&self.link.settings, error)),
                Err(_) => return Err(Progress::answered().too_slow(&self.link.settings)),
            };
        if let Some(Err(error)) = replies.next().map(Value::extract_error) {
            let loading = error.code() == Some("LOADING");
            let ours = translate(&self.link.settings, error);
            return if loading { Ok(Some(ours)) } else { Err(ours) };
        }
        linked.peer = replies.next().and_then(Peer::read).map(Arc::new);
        Ok(None)
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

    /// Pauses of the first connection, whose attempts are few: the first three last a second.
    fn first_pauses() -> impl Iterator<Item = Duration> {
        backon::ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_factor(1.4)
            .with_max_delay(MAX_PAUSE)
            .without_max_times()
            .build()
    }

    /// The first connection: a bounded number of attempts, an error that waiting cannot mend at once.
    pub(super) async fn connect_first(self: &Arc<Self>) -> Result<()> {
        let mut pauses = Self::first_pauses();
        let mut attempt = 1;
        loop {
            match Arc::clone(self).attempt(false).await {
                Ok(linked) => {
                    self.link.up(linked);
                    return Ok(());
                }
                Err(error)
                    if attempt >= self.link.settings.connect_attempts
                        || error.retry_class() == RetryClass::Never =>
                {
                    return Err(error);
                }
                Err(error) => {
                    tracing::debug!(server = %self.link.settings, attempt, %error, "could not connect");
                }
            }
            attempt += 1;
            tokio::time::sleep(pauses.next().unwrap_or(MAX_PAUSE)).await;
        }
    }

    /// Attempts until one succeeds or the service is closed (`None`).
    async fn reconnect(self: &Arc<Self>) -> Option<Linked> {
        let mut pauses = Self::pauses();
        let mut attempts = JoinSet::new();
        loop {
            if self.link.is_closed() {
                return None;
            }
            if attempts.len() < MAX_ATTEMPTS {
                attempts.spawn(Arc::clone(self).attempt(true));
            }
            let mut pause = pauses.next().unwrap_or(MAX_PAUSE);
            let until = tokio::time::Instant::now() + MAX_PAUSE;
            // A hanging attempt gets company after a while; a failed one a successor after the pause.
            match tokio::time::timeout_at(until, attempts.join_next()).await {
                Ok(Some(Ok(Ok(linked)))) => return Some(linked),
                Ok(Some(Ok(Err(error)))) => {
                    if error.kind() == ErrorKind::Auth {
                        pause = AUTH_PAUSE;
                    }
                    self.link.note(error);
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
        while !self.link.is_closed() {
            self.link.called().await;
        }
    }

    /// The supervisor: runs until the service is closed or its last handle is dropped.
    async fn supervise(self: &Arc<Self>) {
        while !self.link.is_closed() {
            if !self.link.is_up() {
                let Some(mut linked) = self.reconnect().await else {
                    return;
                };
                self.bury(&mut linked.live).await;
                let mut live = linked.live.clone();
                self.link.up(linked);
                tracing::info!(server = %self.link.settings, "connected to the cache server");
                // Until what was invalidated meanwhile is gone, nobody here reads it (R1).
                self.retries.drain(&mut live).await;
                continue;
            }
            let pause = match self.retries.queue.len() {
                0 => self.link.settings.ping_interval,
                _ => RETRY_PAUSE.min(self.link.settings.ping_interval),
            };
            tokio::select! {
                () = self.link.called() => {}
                () = tokio::time::sleep(pause) => {}
            }
            let Ok(mut live) = self.link.live() else {
                continue;
            };
            if let Err(error) = self.link.send(&mut live, &redis::cmd("PING")).await {
                // A server that answers, if only with an error (LOADING, BUSY), is there.
                if error.kind() == ErrorKind::Timeout {
                    self.link.down(live.id, error);
                }
                continue;
            }
            self.retries.drain(&mut live).await;
        }
    }

    /// Has the server close the connections that we have given up. Requests of theirs that timed out may
    /// still be on their way, and a late SET would bring back what has been invalidated since. A server
    /// that does not allow it leaves that to the TTL.
    async fn bury(&self, live: &mut Live) {
        for peer in self.link.take_given_up() {
            if let Err(error) = self.link.send(live, &peer.kill_command()).await {
                tracing::debug!(server = %self.link.settings, %error, "an old connection could not be closed at the server");
            }
        }
    }
}

/// Lowers the flag when the supervisor ends, for whatever reason.
struct Run(Arc<Supervisor>);

impl Run {
    async fn run(self) {
        self.0.supervise().await;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.runs.store(false, Ordering::SeqCst);
    }
}

/// Hears from the connection's task that the connection is gone.
struct DisconnectHook {
    link: Weak<ValkeyLink>,
    id: u64,
    dead: Arc<AtomicBool>,
}

impl AsyncPushSender for DisconnectHook {
    fn send(&self, info: PushInfo) -> std::result::Result<(), SendError> {
        if info.kind == PushKind::Disconnection {
            self.dead.store(true, Ordering::SeqCst);
            if let Some(link) = self.link.upgrade() {
                link.down(self.id, link.gone());
            }
        }
        Ok(())
    }
}
