//! Rust for `wasm32-wasi`: the contract, and what the standard library does through WASI.

mod contract;
mod extism;

use contract::{keep, tell};
use extism::*;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[no_mangle]
pub extern "C" fn remember_and_wait() -> i32 {
    let text = input_text();
    log(2, &text);
    keep(&text);
    sleep(Duration::from_millis(15));
    tell(&input_text());
    0
}

/// Sleeps as many milliseconds as the input says.
#[no_mangle]
pub extern "C" fn nap() -> i32 {
    sleep(Duration::from_millis(input_text().parse().unwrap()));
    output(b"slept");
    0
}

#[no_mangle]
pub extern "C" fn print() -> i32 {
    println!("hello {}", input_text());
    let environment = if std::env::vars().next().is_none() { "no environment" } else { "an environment" };
    eprintln!("{} arguments, {}", std::env::args().count(), environment);
    print!("no line end");
    std::io::stdout().flush().unwrap();
    output(if std::fs::read("/etc/passwd").is_err() { b"no files" } else { b"files" });
    0
}

#[no_mangle]
pub extern "C" fn clock() -> i32 {
    let first = Instant::now();
    let forward = Instant::now() >= first;
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    output(if forward && wall > 1_577_836_800 { b"forward" } else { b"broken" });
    0
}

/// The standard library's only door to randomness is the keys of its hash maps.
#[no_mangle]
pub extern "C" fn random() -> i32 {
    let keyed = || RandomState::new().build_hasher().finish();
    output(format!("{:016x}{:016x}", keyed(), keyed()).as_bytes());
    0
}

#[no_mangle]
pub extern "C" fn leave() -> i32 {
    let text = input_text();
    println!("leaving with {}", text);
    output(b"left");
    std::process::exit(text.parse().unwrap());
}
