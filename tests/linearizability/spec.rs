//! One key of a map that may forget, as a sequential specification.

use stateright::semantics::SequentialSpec;

/// When an operation began or ended: a place in the order of all beginnings and ends.
pub(crate) type Moment = usize;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    Get,
    Set(u64),
    /// Whether it came through.
    SetIfAbsent(u64),
    /// To this value, whatever there was; what it saw.
    Update(u64),
    /// The value that went.
    Remove,
    /// Of this key alone, by predicate, or of everything.
    Invalidate,
    /// By this thread, which has one lease at a time.
    Lease(usize),
    SetLeased(usize, u64),
}

/// An operation with its beginning and end.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) op: Op,
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ret {
    Done,
    Value(Option<u64>),
    Went(bool),
    Stored(bool),
}

#[derive(Clone, Debug)]
pub(crate) struct Forgetful {
    value: Option<u64>,
    /// Per thread: since when it has had its lease, while that is valid.
    leases: Vec<Option<Moment>>,
}

impl Forgetful {
    pub(crate) fn new(value: Option<u64>, threads: usize) -> Self {
        Self {
            value,
            leases: vec![None; threads],
        }
    }

    /// Voids the leases that were out before the change began. (Of one taken during the change it is not promised: what is
    /// loaded under it is loaded after the change began.)
    fn change(&mut self, value: Option<u64>, began: Moment) {
        self.value = value;
        for lease in &mut self.leases {
            *lease = lease.filter(|taken| *taken > began);
        }
    }
}

impl SequentialSpec for Forgetful {
    type Op = Timed;
    type Ret = Ret;

    /// One of the possible answers; `is_valid_step` knows them all.
    fn invoke(&mut self, timed: &Timed) -> Ret {
        let ret = match timed.op {
            Op::Get | Op::Remove | Op::Update(_) => Ret::Value(self.value),
            Op::SetIfAbsent(_) => Ret::Stored(self.value.is_none()),
            Op::Set(_) | Op::Lease(_) => Ret::Done,
            Op::Invalidate => Ret::Went(self.value.is_some()),
            Op::SetLeased(..) => Ret::Stored(false),
        };
        self.is_valid_step(timed, &ret);
        ret
    }

    fn is_valid_step(&mut self, timed: &Timed, ret: &Ret) -> bool {
        let began = timed.began;
        match (timed.op.clone(), ret) {
            // Forgotten by now, and for good.
            (Op::Get, Ret::Value(None)) => self.value = None,
            (Op::Get, Ret::Value(found)) => return *found == self.value,
            (Op::Set(number), Ret::Done) => self.change(Some(number), began),
            // Of what it saw, or of nothing, if that was forgotten.
            (Op::Remove | Op::Update(_), Ret::Value(Some(seen))) if self.value != Some(*seen) => {
                return false;
            }
            (Op::Remove, Ret::Value(_)) => self.change(None, began),
            (Op::Update(number), Ret::Value(_)) => self.change(Some(number), began),
            (Op::SetIfAbsent(_), Ret::Stored(false)) => return self.value.is_some(),
            (Op::SetIfAbsent(number), Ret::Stored(true)) => self.change(Some(number), began),
            (Op::Invalidate, Ret::Went(true)) if self.value.is_none() => return false,
            // False also if it had been forgotten.
            (Op::Invalidate, Ret::Went(_) | Ret::Done) => self.change(None, began),
            (Op::Lease(thread), Ret::Done) => self.leases[thread] = Some(timed.ended),
            // A lease may be refused without need.
            (Op::SetLeased(thread, _), Ret::Stored(false)) => self.leases[thread] = None,
            (Op::SetLeased(thread, number), Ret::Stored(true)) => {
                if self.leases[thread].take().is_none() {
                    return false;
                }
                self.change(Some(number), began);
            }
            _ => return false,
        }
        true
    }
}
