//! Loads inside loads: which load waits for which, so that no wait ever closes a cycle (L8, T25).
//!
//! A thread-local stack holds the flights whose loaders run on this thread right now: for a synchronous
//! loader from its call to its return, for an asynchronous one during each poll. A caller that joins a
//! flight from inside loaders notes edges "their flights wait for that one" and then follows the edges from
//! there. If they lead back to one of its own flights, it must not wait. Of the callers that together close
//! a cycle, the one whose edges were noted last sees all the others', since each edge list has its lock.
//! Callers outside any loader (nearly all) pay one look at an empty thread-local stack.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::sync::{Mutex, StdArc, process_number, thread_local};

/// A flight's place in the wait graph, without its types.
pub(crate) struct WaitNode {
    process: u32,
    waits_for: Mutex<Vec<StdArc<WaitNode>>>,
}

impl WaitNode {
    pub(crate) fn new() -> Self {
        Self {
            process: process_number(),
            waits_for: Mutex::new(Vec::new()),
        }
    }

    fn edit<R>(&self, edit: impl FnOnce(&mut Vec<StdArc<Self>>) -> R) -> R {
        if self.process != process_number() {
            // Nobody else waits for it in this process, and the lock may be held for ever (L12).
            return edit(&mut Vec::new());
        }
        let mut list = self
            .waits_for
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        edit(&mut list)
    }
}

thread_local! {
    // Loom's macro takes no `const` block.
    #[allow(clippy::missing_const_for_thread_local)]
    static LOADING: RefCell<Vec<StdArc<WaitNode>>> = RefCell::new(Vec::new());
}

/// The flights whose loaders run on this thread, outermost first. Empty while the thread is being torn down.
fn loading_here() -> Vec<StdArc<WaitNode>> {
    LOADING
        .try_with(|stack| stack.borrow().clone())
        .unwrap_or_default()
}

/// How many loaders run on this thread.
#[cfg(test)]
pub(crate) fn depth() -> usize {
    loading_here().len()
}

/// While it lives, this thread runs the loader of these flights.
pub(crate) struct LoadScope<'n>(&'n [StdArc<WaitNode>]);

impl<'n> LoadScope<'n> {
    pub(crate) fn enter(nodes: &'n [StdArc<WaitNode>]) -> Self {
        // During thread teardown there is no stack; nesting is then not detected.
        let _ = LOADING.try_with(|stack| stack.borrow_mut().extend_from_slice(nodes));
        Self(nodes)
    }
}

impl Drop for LoadScope<'_> {
    fn drop(&mut self) {
        let _ = LOADING.try_with(|stack| {
            let mut stack = stack.borrow_mut();
            for own in self.0.iter().rev() {
                if let Some(at) = stack.iter().rposition(|node| StdArc::ptr_eq(node, own)) {
                    stack.remove(at);
                }
            }
        });
    }
}

/// Waiting would close a cycle.
pub(crate) struct Cycle;

/// The edges of one wait; dropping it removes them.
pub(crate) struct Edges {
    from: Vec<StdArc<WaitNode>>,
    to: StdArc<WaitNode>,
}

impl Edges {
    /// Notes that the loads running on this thread wait for `to`. O(1) outside loaders; inside, linear in
    /// the loads that are linked by waits.
    pub(crate) fn to(to: &StdArc<WaitNode>) -> Result<Self, Cycle> {
        let edges = Self {
            from: loading_here(),
            to: StdArc::clone(to),
        };
        if cfg!(tux_fault = "load-no-edges") {
            return Ok(edges);
        }
        // A fault: looks before it notes, not after.
        let seen_early = cfg!(tux_fault = "load-look-before-edge").then(|| edges.leads_back());
        for node in &edges.from {
            node.edit(|list| list.push(StdArc::clone(to)));
        }
        // Noted first, then looked: see the module's comment.
        if seen_early.unwrap_or_else(|| edges.leads_back()) {
            return Err(Cycle);
        }
        Ok(edges)
    }

    fn leads_back(&self) -> bool {
        if self.from.is_empty() {
            return false;
        }
        let mut seen: Vec<StdArc<WaitNode>> = Vec::new();
        let mut open = vec![StdArc::clone(&self.to)];
        while let Some(node) = open.pop() {
            if self.from.iter().any(|own| StdArc::ptr_eq(own, &node)) {
                return true;
            }
            if !seen.iter().any(|known| StdArc::ptr_eq(known, &node)) {
                open.extend(node.edit(|list| list.clone()));
                seen.push(node);
            }
        }
        false
    }
}

impl Drop for Edges {
    fn drop(&mut self) {
        for node in &self.from {
            let removed = node.edit(|list| {
                let at = list.iter().position(|to| StdArc::ptr_eq(to, &self.to))?;
                Some(list.swap_remove(at))
            });
            drop(removed);
        }
    }
}

/// An asynchronous loader whose polls run inside the [`LoadScope`] of the flights that it loads for. One for all of them: a wrapper
/// for each would be polled inside the others, as deep as there are flights.
pub(crate) struct Driven<F> {
    nodes: Box<[StdArc<WaitNode>]>,
    /// `None` only while it is being dropped.
    load: Option<Pin<Box<F>>>,
}

impl<F> Driven<F> {
    pub(crate) fn new(nodes: Box<[StdArc<WaitNode>]>, load: F) -> Self {
        Self {
            nodes,
            load: Some(Box::pin(load)),
        }
    }
}

impl<F: Future> Future for Driven<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { nodes, load } = &mut *self;
        let _scope = LoadScope::enter(nodes);
        let load = load.as_mut().expect("it is not being dropped");
        load.as_mut().poll(cx)
    }
}

impl<F> Drop for Driven<F> {
    /// What a loader holds is dropped as it ran: a drop that asks for the same key must not wait for the load that it is part of.
    fn drop(&mut self) {
        let _scope = LoadScope::enter(&self.nodes);
        self.load = None;
    }
}
