//! Sets `cfg(tux_count)` for this crate alone: its copy of `src/sync` then announces every access.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tux_count)");
    println!("cargo::rustc-cfg=tux_count");
    println!("cargo::rerun-if-changed=build.rs");
}
