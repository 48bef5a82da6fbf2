//! Threads that stay between inputs: to start one takes longer than what it then does.

use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, Result};

/// What one thread does with one input.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// How long a thread looks out for the others before it starts, so that they run at the same time where they can.
const LOOKS: usize = 100;

struct Worker {
    jobs: Sender<Job>,
    done: Receiver<Result<()>>,
    thread: JoinHandle<()>,
}

/// The threads beside the caller's own.
#[derive(Default)]
pub(crate) struct Threads(Vec<Worker>);

impl Threads {
    /// Runs all jobs at once, the first one here, and returns when all are done. Panics if one of them did, then too.
    pub(crate) fn run(&mut self, jobs: Vec<Job>) {
        while self.0.len() + 1 < jobs.len() {
            self.0.push(hire());
        }
        let (ready, all) = (Arc::new(AtomicUsize::new(0)), jobs.len());
        let mut jobs = jobs.into_iter().map(|job| -> Job {
            let ready = Arc::clone(&ready);
            Box::new(move || {
                ready.fetch_add(1, Ordering::Relaxed);
                let looks = (0..LOOKS).take_while(|_| ready.load(Ordering::Relaxed) < all);
                looks.for_each(|_| spin_loop());
                job();
            })
        });
        let own = jobs.next().expect("a job for the caller");
        let others = self.0.iter().zip(jobs).map(|(worker, job)| {
            worker.jobs.send(job).expect("a worker takes jobs");
            &worker.done
        });
        let others: Vec<_> = others.collect();
        let own = catch_unwind(AssertUnwindSafe(own));
        let results = others
            .iter()
            .map(|done| done.recv().expect("a worker answers"));
        let panicked = results.collect::<Vec<_>>().into_iter().chain([own]);
        if let Some(payload) = panicked.filter_map(Result::err).next() {
            resume_unwind(payload);
        }
    }

    /// Ends the threads and waits until they are gone.
    pub(crate) fn dismiss(self) {
        for worker in self.0 {
            drop(worker.jobs);
            worker.thread.join().expect("a worker catches panics");
        }
    }
}

fn hire() -> Worker {
    let (jobs, taken) = channel::<Job>();
    let (answers, done) = channel();
    let thread = std::thread::spawn(move || {
        for job in taken {
            if answers.send(catch_unwind(AssertUnwindSafe(job))).is_err() {
                break;
            }
        }
    });
    Worker { jobs, done, thread }
}
