#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tux_cache_fuzz_runner::wire(data));
