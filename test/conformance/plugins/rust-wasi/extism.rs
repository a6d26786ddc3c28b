//! The Extism host ABI (extism/extism, `runtime/src/pdk.rs`) as the Rust plugins of this suite use it.

mod host {
    #[link(wasm_import_module = "extism:host/env")]
    extern "C" {
        pub fn input_length() -> u64;
        pub fn input_load_u8(offset: u64) -> u32;
        pub fn input_load_u64(offset: u64) -> u64;
        pub fn length(handle: u64) -> u64;
        pub fn alloc(bytes: u64) -> u64;
        pub fn free(handle: u64);
        pub fn load_u8(address: u64) -> u32;
        pub fn store_u8(address: u64, value: u32);
        pub fn store_u64(address: u64, value: u64);
        pub fn output_set(address: u64, bytes: u64);
        pub fn error_set(handle: u64);
        pub fn config_get(key: u64) -> u64;
        pub fn var_get(key: u64) -> u64;
        pub fn var_set(key: u64, value: u64);
        pub fn log_trace(text: u64);
        pub fn log_debug(text: u64);
        pub fn log_info(text: u64);
        pub fn log_warn(text: u64);
        pub fn log_error(text: u64);
    }
}

fn put(bytes: &[u8]) -> u64 {
    if bytes.is_empty() {
        return 0;
    }
    let handle = unsafe { host::alloc(bytes.len() as u64) };
    assert!(handle != 0, "the host has no memory left for {} bytes", bytes.len());
    let words = bytes.chunks_exact(8);
    let start = bytes.len() - words.remainder().len();
    for (at, byte) in words.remainder().iter().enumerate() {
        unsafe { host::store_u8(handle + (start + at) as u64, *byte as u32) };
    }
    for (at, word) in words.enumerate() {
        let word = u64::from_le_bytes(word.try_into().unwrap());
        unsafe { host::store_u64(handle + at as u64 * 8, word) };
    }
    handle
}

/// Copies a block and frees it; no block is `None`.
fn take(handle: u64) -> Option<Vec<u8>> {
    if handle == 0 {
        return None;
    }
    let bytes = unsafe { 0..host::length(handle) }
        .map(|at| unsafe { host::load_u8(handle + at) as u8 })
        .collect();
    unsafe { host::free(handle) };
    Some(bytes)
}

pub fn input() -> Vec<u8> {
    let length = unsafe { host::input_length() };
    let mut bytes = Vec::with_capacity(length as usize);
    let words = length / 8 * 8;
    for at in (0..words).step_by(8) {
        bytes.extend_from_slice(&unsafe { host::input_load_u64(at) }.to_le_bytes());
    }
    bytes.extend((words..length).map(|at| unsafe { host::input_load_u8(at) as u8 }));
    bytes
}

pub fn input_text() -> String {
    String::from_utf8(input()).expect("the input is UTF-8")
}

pub fn output(bytes: &[u8]) {
    let handle = put(bytes);
    unsafe { host::output_set(handle, bytes.len() as u64) }
}

pub fn set_error(message: &str) {
    let handle = put(message.as_bytes());
    unsafe { host::error_set(handle) }
}

pub fn config(key: &str) -> Option<String> {
    take(unsafe { host::config_get(put(key.as_bytes())) }).map(|bytes| String::from_utf8(bytes).unwrap())
}

pub fn variable(name: &str) -> Option<String> {
    take(unsafe { host::var_get(put(name.as_bytes())) }).map(|bytes| String::from_utf8(bytes).unwrap())
}

pub fn set_variable(name: &str, value: &str) {
    unsafe { host::var_set(put(name.as_bytes()), put(value.as_bytes())) }
}

/// From trace, 0, to error, 4.
pub fn log(level: usize, message: &str) {
    let write = [host::log_trace, host::log_debug, host::log_info, host::log_warn, host::log_error][level];
    unsafe { write(put(message.as_bytes())) }
}

/// Makes the heap of the host's exchange memory reach at least this far.
pub fn enlarge_exchange(bytes: u64) {
    unsafe { host::alloc(bytes) };
}

/// One byte of the host's exchange memory; 0 outside.
pub fn exchange_byte(address: u64) -> u8 {
    unsafe { host::load_u8(address) as u8 }
}
