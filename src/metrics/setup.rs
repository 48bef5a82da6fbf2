//! The numbers of a whole set-up.

use super::sources::{MetricSource, Visitor, joined};
use crate::service::CacheSetup;

/// The backend as `backend`, the managers under their names, cases as `cases`.
impl MetricSource for CacheSetup {
    fn for_each_metric(&self, name: &str, visit: &mut Visitor<'_>) {
        self.backend()
            .for_each_metric(&joined(name, "backend"), visit);
        self.managers().for_each_metric(name, visit);
        self.cases().for_each_metric(&joined(name, "cases"), visit);
    }
}
