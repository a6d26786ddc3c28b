//! Rust for `wasm32-unknown-unknown`: the standard library, but no WASI.

#[path = "../rust-wasi/contract.rs"]
mod contract;
#[path = "../rust-wasi/extism.rs"]
mod extism;
