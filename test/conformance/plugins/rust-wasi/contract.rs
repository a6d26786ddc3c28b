//! The suite's contract (test/conformance/README.md) in Rust, the part that needs no WASI.

use crate::extism::*;
use std::sync::Mutex;

pub static KEPT: Mutex<String> = Mutex::new(String::new());

const EXCHANGE_SCAN: u64 = 256 * 1024;

#[no_mangle]
pub extern "C" fn echo() -> i32 {
    output(&input());
    0
}

#[no_mangle]
pub extern "C" fn count_vowels() -> i32 {
    let vowels = config("vowels").unwrap_or_else(|| "aeiouAEIOU".to_owned());
    let count = input_text().chars().filter(|character| vowels.contains(*character)).count();
    let total = || variable("total").map_or(0, |text| text.parse::<usize>().unwrap());
    set_variable("total", &(total() + count).to_string());
    output(format!("{{\"count\":{},\"total\":{},\"vowels\":\"{}\"}}", count, total(), vowels).as_bytes());
    0
}

/// `{"text":"…"}` without escapes to the same characters in reverse order.
#[no_mangle]
pub extern "C" fn reverse_json() -> i32 {
    let text = input_text();
    let value = text.strip_prefix("{\"text\":\"").and_then(|rest| rest.strip_suffix("\"}")).unwrap();
    let reversed: String = value.chars().rev().collect();
    output(format!("{{\"text\":\"{}\",\"characters\":{}}}", reversed, value.chars().count()).as_bytes());
    0
}

#[no_mangle]
pub extern "C" fn fill() -> i32 {
    let count: usize = input_text().parse().unwrap();
    output(&(0..count).map(|at| b'a' + (at % 26) as u8).collect::<Vec<u8>>());
    0
}

#[no_mangle]
pub extern "C" fn fail() -> i32 {
    set_error(&format!("no such customer: {}", input_text()));
    1
}

#[no_mangle]
pub extern "C" fn fail_with_code() -> i32 {
    7
}

/// Panics, having told the host why: without a panic hook the message would be lost where there is no WASI.
#[no_mangle]
pub extern "C" fn trap() -> i32 {
    std::panic::set_hook(Box::new(|panic| set_error(&panic.to_string())));
    panic!("the plugin cannot go on with {}", input_text());
}

#[no_mangle]
pub extern "C" fn log_lines() -> i32 {
    for (level, message) in ["a trace €", "a detail", "a remark", "a warning", "an error"].iter().enumerate() {
        log(level, message);
    }
    0
}

pub fn keep(text: &str) {
    *KEPT.lock().unwrap() = text.to_owned();
    set_variable("kept", text);
}

pub fn tell(text: &str) {
    let kept = KEPT.lock().unwrap().clone();
    let variable = variable("kept").unwrap_or_default();
    let secret = config("secret").unwrap_or_default();
    output(format!("static=[{}] var=[{}] input=[{}] config=[{}]", kept, variable, text, secret).as_bytes());
}

#[no_mangle]
pub extern "C" fn remember() -> i32 {
    let text = input_text();
    log(2, &text);
    tell(&text);
    keep(&text);
    0
}

/// Hides a value from the optimiser, as `std::hint::black_box` does in later compilers.
fn opaque<T>(value: T) -> T {
    let copy = unsafe { std::ptr::read_volatile(&value) };
    std::mem::forget(value);
    copy
}

fn descend(level: u32) -> u32 {
    if opaque(level) == u32::MAX {
        return 0;
    }
    opaque(descend(level + 1)) + level
}

#[no_mangle]
pub extern "C" fn recurse() -> i32 {
    keep(&input_text());
    descend(1) as i32
}

#[no_mangle]
pub extern "C" fn spin() -> i32 {
    keep(&input_text());
    let mut turns = 0u32;
    loop {
        turns = opaque(turns.wrapping_add(1));
    }
}

/// Takes memory until there is none; the allocator then aborts.
#[no_mangle]
pub extern "C" fn hoard() -> i32 {
    let mut blocks = Vec::new();
    loop {
        blocks.push(opaque(vec![1u8; 1 << 20]));
    }
}

/// How often the input, each byte inverted, is found in this instance's memory and in the host's exchange memory.
#[no_mangle]
pub extern "C" fn scan() -> i32 {
    let wanted = input();
    let planted = opaque(config("planted"));
    let size = core::arch::wasm32::memory_size(0) * 65_536;
    let own = |at: usize| unsafe { std::ptr::read_volatile(at as *const u8) };
    let found_own = (1..=size - wanted.len())
        .filter(|at| wanted.iter().enumerate().all(|(offset, byte)| own(at + offset) == !byte))
        .count();
    enlarge_exchange(EXCHANGE_SCAN);
    let found_exchanged = (0..EXCHANGE_SCAN)
        .filter(|at| wanted.iter().enumerate().all(|(offset, byte)| exchange_byte(at + offset as u64) == !byte))
        .count();
    output((found_own + found_exchanged).to_string().as_bytes());
    drop(planted);
    0
}
