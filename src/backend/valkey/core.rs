//! What one backend is made of. Each part knows only those below it: the [connection](super::connection), the
//! [removals that wait](super::retry) for it, the [supervisor](super::supervisor) that makes it and carries them out.

use std::sync::{Arc, Weak};

use super::connect::Connector;
use super::connection::ValkeyLink;
use super::retry::Retries;
use super::settings::ValkeySettings;
use super::supervisor::Supervisor;
use crate::backend::kept::Kept;
use crate::backend::lease::StoreLeases;
use crate::backend::striped::Striped;
use crate::error::Result;

/// Everything that the clones of a backend share. The last one to go closes the connection.
pub(super) struct Core {
    pub(super) link: Arc<ValkeyLink>,
    pub(super) retries: Arc<Retries>,
    pub(super) supervisor: Arc<Supervisor>,
    pub(super) leases: StoreLeases,
    pub(super) kept: Kept,
    /// One updater of a key at a time, so that many of them do not overtake one another on the server.
    pub(super) update_locks: Striped<tokio::sync::Mutex<()>, 64>,
}

impl Core {
    pub(super) fn new(settings: ValkeySettings) -> Result<Self> {
        let connector = Connector::new(&settings)?;
        let supervisor = Arc::new_cyclic(|supervisor| {
            let supervisor: Weak<Supervisor> = Weak::clone(supervisor);
            // The one arrow up: whoever finds no connection calls for the supervisor, without knowing it.
            let link = Arc::new(ValkeyLink::new(settings, move || {
                if let Some(supervisor) = supervisor.upgrade() {
                    supervisor.start();
                }
            }));
            let retries = Arc::new(Retries::new(Arc::clone(&link)));
            Supervisor::new(link, retries, connector)
        });
        Ok(Self {
            link: Arc::clone(supervisor.link()),
            retries: Arc::clone(supervisor.retries()),
            supervisor,
            leases: StoreLeases::new(),
            kept: Kept::default(),
            update_locks: Striped::new(),
        })
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.link.close();
    }
}
