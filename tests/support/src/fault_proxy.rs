//! A loopback TCP proxy whose faults are switched while it runs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::pump::{Direction, End, pump};
use crate::server::ValkeyServer;

/// What the proxy does to the bytes; byte counts start when the fault is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    Pass,
    /// Both directions arrive this much later; the throughput stays.
    Delay(Duration),
    /// Each connection is reset once this many reply bytes went through.
    CutAfter(u64),
    /// Each connection is reset once this many request bytes went through.
    CutRequestsAfter(u64),
    /// Each connection is closed in good order after this many reply bytes: the reply ends early.
    Truncate(u64),
    /// Connections stay open, every byte vanishes. One that lost a byte stays silent for good,
    /// also after the fault is lifted, as a real half-open connection does.
    HalfOpen,
    /// Connections are reset at once, those open now and those to come.
    Refuse,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    pub(crate) generation: u64,
}

/// Where the proxy leads.
#[derive(Debug, Clone)]
pub enum Target {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Target::Tcp(address)
    }
}

impl From<&ValkeyServer> for Target {
    fn from(server: &ValkeyServer) -> Self {
        match server.port() {
            Some(_) => Target::Tcp(server.addr()),
            None => Target::Unix(server.socket()),
        }
    }
}

/// A TCP proxy on a loopback port, run by a thread of its own; [`set`](Self::set) switches the fault.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    target: Arc<Mutex<Target>>,
    plan: watch::Sender<Plan>,
    /// Every change closes the connections that were open at that moment.
    cuts: watch::Sender<u64>,
    counts: Arc<Counts>,
    runtime: Option<Runtime>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    open: AtomicUsize,
}

impl FaultProxy {
    /// Starts a proxy that passes everything on.
    ///
    /// # Errors
    /// When no loopback port or thread is to be had.
    pub fn start(target: impl Into<Target>) -> io::Result<Self> {
        let runtime = proxy_runtime("fault-proxy")?;
        let listener = runtime.block_on_outside(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let (plan, plan_seen) = watch::channel(Plan {
            fault: Fault::Pass,
            generation: 0,
        });
        let (cuts, cuts_seen) = watch::channel(0);
        let counts = Arc::new(Counts::default());
        let target = Arc::new(Mutex::new(target.into()));
        let (leads_to, counted) = (Arc::clone(&target), Arc::clone(&counts));
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.accepted.fetch_add(1, Ordering::Relaxed);
                counted.open.fetch_add(1, Ordering::Relaxed);
                let target = locked(&leads_to).clone();
                let counted = Arc::clone(&counted);
                let (plan, cuts) = (plan_seen.clone(), cuts_seen.clone());
                tokio::spawn(async move {
                    serve(client, target, plan, cuts).await;
                    counted.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(Self {
            address,
            target,
            plan,
            cuts,
            counts,
            runtime: Some(runtime),
        })
    }

    /// The address clients connect to.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// A URL of this scheme through the proxy: `url("valkey")` is `valkey://127.0.0.1:PORT/0`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/0", self.address)
    }

    /// Leads connections to come elsewhere, as a name does that stands for another server by now. Those open stay
    /// where they are.
    pub fn lead_to(&self, target: impl Into<Target>) {
        *locked(&self.target) = target.into();
    }

    /// Switches the fault, for the connections open now and those to come.
    pub fn set(&self, fault: Fault) {
        self.plan.send_modify(|plan| {
            plan.fault = fault;
            plan.generation += 1;
        });
        if fault == Fault::Refuse {
            self.cut_all();
        }
    }

    /// Resets the connections open now; new ones are served.
    pub fn cut_all(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.counts.open.load(Ordering::Relaxed)
    }
}

fn locked(target: &Mutex<Target>) -> MutexGuard<'_, Target> {
    target.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not a plain drop: that panics when a test drops the proxy inside its own runtime.
            runtime.shutdown_background();
        }
    }
}

async fn serve(
    client: TcpStream,
    target: Target,
    plan: watch::Receiver<Plan>,
    mut cuts: watch::Receiver<u64>,
) {
    cuts.mark_unchanged();
    let _ = client.set_nodelay(true);
    if plan.borrow().fault == Fault::Refuse {
        return reset(client);
    }
    match target {
        Target::Tcp(address) => match TcpStream::connect(address).await {
            Err(_) => reset(client),
            Ok(server) => {
                let _ = server.set_nodelay(true);
                join(client, server, plan, cuts).await;
            }
        },
        Target::Unix(path) => match UnixStream::connect(path).await {
            Err(_) => reset(client),
            Ok(server) => join(client, server, plan, cuts).await,
        },
    }
}

async fn join(
    mut client: TcpStream,
    server: impl AsyncRead + AsyncWrite + Unpin,
    plan: watch::Receiver<Plan>,
    mut cuts: watch::Receiver<u64>,
) {
    let end = {
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = tokio::io::split(server);
        tokio::select! {
            end = pump(client_reads, server_writes, Direction::Request, plan.clone()) => end,
            end = pump(server_reads, client_writes, Direction::Reply, plan) => end,
            _ = cuts.changed() => End::Reset,
        }
    };
    if end == End::Reset {
        reset(client);
    }
}

/// Closes with RST instead of FIN.
fn reset(client: TcpStream) {
    let _ = client.set_zero_linger();
}

/// A small runtime of its own: a proxy must go on while the test's runtime is blocked.
pub(crate) fn proxy_runtime(name: &str) -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()
}

/// `block_on` from inside a test's own runtime panics; binding a socket never really waits.
pub(crate) trait BlockOnOutside {
    fn block_on_outside<T: Send, F: Future<Output = T> + Send>(&self, future: F) -> T;
}

impl BlockOnOutside for Runtime {
    fn block_on_outside<T: Send, F: Future<Output = T> + Send>(&self, future: F) -> T {
        let handle = self.handle();
        std::thread::scope(|scope| {
            scope
                .spawn(|| handle.block_on(future))
                .join()
                .expect("the proxy's start panicked")
        })
    }
}
