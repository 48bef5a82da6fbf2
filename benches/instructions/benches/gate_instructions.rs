//! One callgrind count for each kind of call. Run by `cargo xtask bench --gate`, which holds it against the baseline.

use gungraun::{library_benchmark, library_benchmark_group, main};
use tux_cache::TypedCache;
use tux_cache::backend::Backend;
use tux_cache::managers::JailStatusCache;
use tux_cache_instructions::{self as calls, Prepared};

/// What a count gives back, so that its drop is not counted.
type Done = Box<Prepared>;

#[library_benchmark]
#[bench::per_call(calls::full())]
fn hit(it: Done) -> Done {
    calls::hit(it)
}

#[library_benchmark]
#[bench::four_a_view(calls::full())]
fn hit_pinned(it: Done) -> Done {
    calls::hit_pinned(it)
}

#[library_benchmark]
#[bench::sixteen_a_call(calls::full())]
fn get_many(it: Done) -> Done {
    calls::get_many(it)
}

#[library_benchmark]
#[bench::absent(calls::full_without())]
fn miss(it: Done) -> Done {
    calls::miss(it)
}

#[library_benchmark]
#[bench::below_capacity(calls::with_room())]
#[bench::at_capacity(calls::evicting())]
fn insert(it: Done) -> Done {
    calls::set(it)
}

#[library_benchmark]
#[bench::present(calls::full())]
#[bench::amid_a_thousand_loads(calls::full_amid_loads())]
fn overwrite(it: Done) -> Done {
    calls::set(it)
}

#[library_benchmark]
#[bench::present(calls::full())]
#[bench::amid_a_thousand_loads(calls::full_amid_loads())]
fn invalidate(it: Done) -> Done {
    calls::invalidate(it)
}

#[library_benchmark]
#[bench::hit(calls::full())]
fn get_or_fetch(it: Done) -> Done {
    calls::fetch_hit(it)
}

#[library_benchmark]
#[bench::hit_async(calls::full())]
fn get_or_fetch_async(it: Done) -> Done {
    calls::fetch_hit_async(it)
}

#[library_benchmark]
#[bench::present(calls::full())]
#[bench::absent(calls::with_room())]
fn update(it: Done) -> Done {
    calls::update(it)
}

#[library_benchmark]
#[bench::present(calls::full())]
fn remove(it: Done) -> Done {
    calls::remove(it)
}

#[library_benchmark]
#[bench::absent(calls::with_room())]
fn set_if_absent(it: Done) -> Done {
    calls::set_if_absent(it)
}

#[library_benchmark]
#[bench::typed_hit(calls::backend())]
fn backend(it: Backend) -> Backend {
    calls::typed_hit(it)
}

#[library_benchmark]
#[bench::hit(calls::manager())]
fn manager(it: JailStatusCache) -> JailStatusCache {
    calls::manager_hit(it)
}

#[library_benchmark]
#[bench::hit(calls::family())]
fn typed_family(it: TypedCache<calls::Warnings>) -> TypedCache<calls::Warnings> {
    calls::family_hit(it)
}

library_benchmark_group!(
    name = instructions,
    benchmarks = [
        hit,
        hit_pinned,
        get_many,
        miss,
        insert,
        overwrite,
        invalidate,
        get_or_fetch,
        get_or_fetch_async,
        update,
        remove,
        set_if_absent,
        backend,
        manager,
        typed_family
    ]
);
main!(library_benchmark_groups = instructions);
