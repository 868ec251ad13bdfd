//! See the function.

#![no_main]

#[path = "../../crates/wire/tests/targets/functions.rs"]
#[allow(dead_code, reason = "one of them a binary")]
mod functions;

libfuzzer_sys::fuzz_target!(|data: &[u8]| functions::fuzz_client(data));
