//! Patchbay plugins in Rust: one file, the standard library and nothing else (edition 2021, Rust 1.63 or later).
//!
//! Put it beside `lib.rs`, build a `cdylib` for `wasm32-unknown-unknown`, and say what is exported:
//!
//! ```ignore
//! mod patchbay;
//! use patchbay::{config, export, input, Result};
//!
//! export! {
//!     fn greet() -> Result<String> {
//!         Ok(format!("{}, {}!", config::get("greeting").unwrap_or_else(|| "Hello".into()), input::text()?))
//!     }
//! }
//! ```
//!
//! A module imports the functions that are used and no others, so the permissions it needs can be read from it. `input`, `output`,
//! `config`, `vars` and `log` work on every Extism host; the rest is Patchbay's. Times are milliseconds since the epoch.
//!
//! With serde: `serde_json::from_slice(&input::bytes())?`, return `serde_json::to_string(&value)?`, and
//! `Json::parse(&serde_json::to_string(&value)?)?` where a [`Json`] is asked for.

#![allow(dead_code)] // a plugin uses some of it
#![allow(clippy::manual_div_ceil, clippy::manual_is_multiple_of)] // later than Rust 1.63

use std::fmt::{self, Display, Write as _};

/// Any error of an exported function; its text is the execution's error. `?` makes one of every error, `.into()` of text.
pub type Failure = Box<dyn std::error::Error>;
pub type Result<T> = std::result::Result<T, Failure>;
/// Of a capability: refused or failed, and the plugin may go on without.
pub type Answered<T> = std::result::Result<T, CapabilityError>;

/// A refused or failed capability call. A plugin that returns it fails without being blamed for it.
#[derive(Clone, Debug, PartialEq)]
pub struct CapabilityError {
    /// Of the platform's table of errors, such as `GRANT_MISSING` or `CAPABILITY_QUOTA_EXCEEDED`.
    pub code: String,
    pub message: String,
}

impl Display for CapabilityError {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for CapabilityError {}

/// Exports functions by their names. Each answers what it returns: text, bytes, [`Json`], or nothing.
macro_rules! export {
    ($($(#[$about:meta])* fn $name:ident() -> $result:ty $body:block)*) => {$(
        $(#[$about])*
        #[no_mangle]
        pub extern "C" fn $name() -> i32 {
            fn run() -> $result $body
            $crate::patchbay::finish(run)
        }
    )*};
}
pub(crate) use export;

/// Runs a function and passes its result to the host: what [`export!`] does. A panic's message is the execution's error.
pub fn finish<T: Output>(run: fn() -> Result<T>) -> i32 {
    std::panic::set_hook(Box::new(|panic| set_error(&panic.to_string())));
    match run() {
        Ok(value) => value.write(),
        Err(error) => {
            set_error(&error.to_string());
            return 1;
        }
    }
    0
}

/// What an exported function may return.
pub trait Output {
    fn write(self);
}

macro_rules! output_of {
    ($($type:ty),*) => {$(
        impl Output for $type {
            fn write(self) {
                output::bytes(self.as_ref())
            }
        }
    )*};
}
output_of!(String, &str, Vec<u8>, &[u8]);

impl Output for Json {
    fn write(self) {
        output::text(&self.to_string())
    }
}

impl Output for () {
    fn write(self) {}
}

impl<T: Output> Output for Option<T> {
    fn write(self) {
        if let Some(value) = self {
            value.write()
        }
    }
}

// <declarations>, of scripts/build-bindings.ts
mod host {
    #[link(wasm_import_module = "extism:host/env")]
    extern "C" {
        pub fn alloc(_: u64) -> u64;
        pub fn free(_: u64);
        pub fn length(_: u64) -> u64;
        pub fn length_unsafe(_: u64) -> u64;
        pub fn load_u8(_: u64) -> u32;
        pub fn load_u64(_: u64) -> u64;
        pub fn store_u8(_: u64, _: u32);
        pub fn store_u64(_: u64, _: u64);
        pub fn input_length() -> u64;
        pub fn input_offset() -> u64;
        pub fn input_load_u8(_: u64) -> u32;
        pub fn input_load_u64(_: u64) -> u64;
        pub fn output_set(_: u64, _: u64);
        pub fn error_set(_: u64);
        pub fn error_get() -> u64;
        pub fn config_get(_: u64) -> u64;
        pub fn var_get(_: u64) -> u64;
        pub fn var_set(_: u64, _: u64);
        pub fn http_request(_: u64, _: u64) -> u64;
        pub fn http_status_code() -> u32;
        pub fn http_headers() -> u64;
        pub fn log_trace(_: u64);
        pub fn log_debug(_: u64);
        pub fn log_info(_: u64);
        pub fn log_warn(_: u64);
        pub fn log_error(_: u64);
        pub fn get_log_level() -> u32;
    }
}

mod user {
    #[link(wasm_import_module = "extism:host/user")]
    extern "C" {
        pub fn call_body() -> u64;
        pub fn context() -> u64;
        pub fn stream_read(_: u64) -> u64;
        pub fn stream_write(_: u64);
        pub fn http_send(_: u64, _: u64) -> u64;
        pub fn storage_get(_: u64, _: u64) -> u64;
        pub fn storage_set(_: u64, _: u64) -> u64;
        pub fn storage_delete(_: u64, _: u64) -> u64;
        pub fn storage_list(_: u64, _: u64) -> u64;
        pub fn database_query(_: u64, _: u64) -> u64;
        pub fn database_transaction(_: u64, _: u64) -> u64;
        pub fn files_put(_: u64, _: u64) -> u64;
        pub fn files_begin(_: u64, _: u64) -> u64;
        pub fn files_append(_: u64, _: u64) -> u64;
        pub fn files_finish(_: u64, _: u64) -> u64;
        pub fn files_abort(_: u64, _: u64) -> u64;
        pub fn files_get(_: u64, _: u64) -> u64;
        pub fn files_head(_: u64, _: u64) -> u64;
        pub fn files_list(_: u64, _: u64) -> u64;
        pub fn files_delete(_: u64, _: u64) -> u64;
        pub fn cache_get(_: u64, _: u64) -> u64;
        pub fn cache_set(_: u64, _: u64) -> u64;
        pub fn cache_delete(_: u64, _: u64) -> u64;
        pub fn services_call(_: u64, _: u64) -> u64;
        pub fn events_publish(_: u64, _: u64) -> u64;
        pub fn crypto_digest(_: u64, _: u64) -> u64;
        pub fn crypto_hmac(_: u64, _: u64) -> u64;
        pub fn crypto_random(_: u64, _: u64) -> u64;
        pub fn crypto_key_create(_: u64, _: u64) -> u64;
        pub fn crypto_key_get(_: u64, _: u64) -> u64;
        pub fn crypto_key_list(_: u64, _: u64) -> u64;
        pub fn crypto_key_delete(_: u64, _: u64) -> u64;
        pub fn crypto_sign(_: u64, _: u64) -> u64;
        pub fn crypto_verify(_: u64, _: u64) -> u64;
        pub fn crypto_encrypt(_: u64, _: u64) -> u64;
        pub fn crypto_decrypt(_: u64, _: u64) -> u64;
        pub fn webhooks_send(_: u64, _: u64) -> u64;
        pub fn analytics_record(_: u64, _: u64) -> u64;
        pub fn security_events(_: u64, _: u64) -> u64;
        pub fn security_raise(_: u64, _: u64) -> u64;
        pub fn oauth_token(_: u64, _: u64) -> u64;
    }
}
// </declarations>

/// A new block with these bytes, 0 for none. The host frees what it is given.
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
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        unsafe { host::store_u64(handle + at as u64 * 8, u64::from_le_bytes(eight)) };
    }
    handle
}

/// Copies a block of the host's that is the plugin's own, and frees it.
fn take(handle: u64) -> Option<Vec<u8>> {
    if handle == 0 {
        return None;
    }
    let (word, byte) = (|at| unsafe { host::load_u64(handle + at) }, |at| unsafe { host::load_u8(handle + at) });
    let bytes = copied(unsafe { host::length(handle) }, word, byte);
    unsafe { host::free(handle) };
    Some(bytes)
}

fn copied(length: u64, word: impl Fn(u64) -> u64, byte: impl Fn(u64) -> u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length as usize);
    let words = length / 8 * 8;
    (0..words).step_by(8).for_each(|at| bytes.extend_from_slice(&word(at).to_le_bytes()));
    bytes.extend((words..length).map(|at| byte(at) as u8));
    bytes
}

fn take_text(handle: u64) -> Option<String> {
    take(handle).map(lossy)
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Sets the execution's error; the call has failed whatever it returns.
pub fn set_error(message: &str) {
    unsafe { host::error_set(put(message.as_bytes())) }
}

pub mod input {
    use super::*;

    pub fn bytes() -> Vec<u8> {
        unsafe { copied(host::input_length(), |at| host::input_load_u64(at), |at| host::input_load_u8(at)) }
    }

    /// Fails for what is not UTF-8.
    pub fn text() -> Result<String> {
        String::from_utf8(bytes()).map_err(|error| format!("The input is not UTF-8: {}", error.utf8_error()).into())
    }

    /// Fails for what is not JSON.
    pub fn json() -> Result<Json> {
        Json::parse(&text()?).map_err(|error| format!("The input is not JSON: {}", error).into())
    }
}

pub mod output {
    use super::*;

    pub fn bytes(content: &[u8]) {
        let handle = put(content);
        unsafe { host::output_set(handle, content.len() as u64) }
    }

    pub fn text(content: &str) {
        bytes(content.as_bytes())
    }
}

pub mod config {
    use super::*;

    /// A setting; what is not text is JSON.
    pub fn get(name: &str) -> Option<String> {
        take_text(unsafe { host::config_get(put(name.as_bytes())) })
    }

    /// The whole configuration as JSON, where the host is Patchbay.
    pub fn all() -> Option<Json> {
        get("$config").and_then(|text| Json::parse(&text).ok())
    }
}

/// Extism's variables: kept within a call, and beyond it where the install keeps them.
pub mod vars {
    use super::*;

    pub fn get(name: &str) -> Option<Vec<u8>> {
        take(unsafe { host::var_get(put(name.as_bytes())) })
    }

    pub fn get_text(name: &str) -> Option<String> {
        get(name).map(lossy)
    }

    /// An empty value removes the variable: Extism has no empty blocks.
    pub fn set(name: &str, value: impl AsRef<[u8]>) {
        unsafe { host::var_set(put(name.as_bytes()), put(value.as_ref())) }
    }

    pub fn remove(name: &str) {
        set(name, "")
    }
}

pub mod log {
    use super::*;

    macro_rules! levels {
        ($($name:ident $write:ident $level:literal),*) => {$(
            /// A line of the execution's log, where the host keeps this level.
            pub fn $name(message: &str) {
                unsafe {
                    if host::get_log_level() <= $level {
                        host::$write(put(message.as_bytes()))
                    }
                }
            }
        )*};
    }
    levels!(trace log_trace 0, debug log_debug 1, info log_info 2, warn log_warn 3, error log_error 4);
}

/// Input and output piece by piece. A plugin that uses them has no other input and output.
pub mod streams {
    use super::*;

    /// At most so many bytes of the input, up to 1 MiB; 0 for what suits the platform. `None` at its end.
    pub fn read(most: u64) -> Option<Vec<u8>> {
        take(unsafe { user::stream_read(most) })
    }

    /// Waits until the caller is ready for more.
    pub fn write(piece: impl AsRef<[u8]>) {
        let handle = put(piece.as_ref());
        if handle != 0 {
            unsafe { user::stream_write(handle) }
        }
    }

    /// The input as the standard library reads, the output as it writes.
    pub struct Stream;

    impl std::io::Read for Stream {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let most = buffer.len().min(1024 * 1024);
            let piece = if most == 0 { None } else { super::streams::read(most as u64) }.unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    impl std::io::Write for Stream {
        fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
            let length = buffer.len().min(1024 * 1024);
            super::streams::write(&buffer[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}

/// Whose call it is.
#[derive(Clone, Debug)]
pub struct Context {
    pub tenant_id: String,
    /// Who called: the token's subject or the key's id.
    pub subject: String,
    pub roles: Vec<String>,
    pub install_id: String,
    pub plugin_id: String,
    pub version: String,
    pub execution_id: String,
    pub trace_id: String,
    /// When the call is ended.
    pub deadline: u64,
    /// All of it, with what is not there for every call.
    pub json: Json,
}

pub fn context() -> Context {
    let text = take_text(unsafe { user::context() }).expect("the host has no memory left for the context");
    let json = Json::parse(&text).expect("the context is JSON");
    Context {
        tenant_id: json.text("tenantId"),
        subject: json.text("subject"),
        roles: json.texts("roles"),
        install_id: json.text("installId"),
        plugin_id: json.text("pluginId"),
        version: json.text("version"),
        execution_id: json.text("executionId"),
        trace_id: json.text("traceId"),
        deadline: json.number("deadline") as u64,
        json,
    }
}

type CapabilityFunction = unsafe extern "C" fn(u64, u64) -> u64;

/// Asks the platform. The answer's `value`, or its `error` as an error.
fn ask(function: CapabilityFunction, request: Json, body: &[u8]) -> Answered<Json> {
    let (request, body) = (put(request.to_string().as_bytes()), put(body));
    let refused = |code: &str, message: String| CapabilityError { code: code.into(), message };
    let text = take_text(unsafe { function(request, body) })
        .ok_or_else(|| refused("KERNEL_MEMORY_EXCEEDED", "The answer does not fit into the memory.".into()))?;
    let answer =
        Json::parse(&text).map_err(|error| refused("INTERNAL", format!("The answer is unreadable: {}", error)))?;
    match (answer.get("value"), answer.get("error")) {
        (Some(value), None) => Ok(value.clone()),
        (_, error) => Err(error.map_or_else(
            || refused("INTERNAL", "The platform's answer has neither a value nor an error.".into()),
            |error| refused(&error.text("code"), error.text("message")),
        )),
    }
}

/// The bytes that came with the last answer.
fn answer_body() -> Vec<u8> {
    take(unsafe { user::call_body() }).unwrap_or_default()
}

/// A page of a list; the next one begins `after` the last item of this.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub more: bool,
}

impl<T> Page<T> {
    fn of(value: &Json, name: &str, item: fn(&Json) -> T) -> Page<T> {
        Page { items: value.list(name).iter().map(item).collect(), more: value.flag("more") }
    }
}

/// Which page of a list. `after` is the last key or path of the page before; at most 1,000, 100 where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct ListOptions<'a> {
    pub prefix: &'a str,
    pub after: &'a str,
    pub limit: Option<u32>,
}

impl ListOptions<'_> {
    fn json(&self) -> Json {
        object! { "prefix": self.prefix, "after": self.after, "limit": self.limit }
    }
}

pub mod http {
    use super::*;

    /// GET, following up to 5 redirects, where nothing else is said.
    #[derive(Clone, Debug, Default)]
    pub struct Request<'a> {
        pub url: &'a str,
        /// GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.
        pub method: Option<&'a str>,
        pub headers: &'a [(&'a str, &'a str)],
        /// `follow`, `manual` or `error`.
        pub redirect: Option<&'a str>,
        pub body: &'a [u8],
    }

    #[derive(Clone, Debug)]
    pub struct Response {
        pub status: u16,
        pub headers: Vec<(String, String)>,
        /// Where the answer came from, after redirects.
        pub url: String,
        pub redirects: u32,
        pub body: Vec<u8>,
    }

    impl Response {
        pub fn header(&self, name: &str) -> Option<&str> {
            self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        }

        pub fn text(&self) -> String {
            String::from_utf8_lossy(&self.body).into_owned()
        }
    }

    pub fn get(url: &str) -> Answered<Response> {
        send(&Request { url, ..Request::default() })
    }

    /// Any status is an answer.
    pub fn send(request: &Request) -> Answered<Response> {
        let headers = Json::object(request.headers.iter().map(|&(name, value)| (name, value.into())));
        let Request { url, method, redirect, body, .. } = *request;
        let asked = object! { "url": url, "method": method, "headers": headers, "redirect": redirect };
        let value = ask(user::http_send, asked, body)?;
        let headers = value.fields("headers").iter().map(|(name, value)| (name.clone(), value.to_text())).collect();
        let (status, redirects) = (value.number("status") as u16, value.number("redirects") as u32);
        Ok(Response { status, headers, url: value.text("url"), redirects, body: answer_body() })
    }
}

/// What the install keeps: encrypted, seen by no other install.
pub mod storage {
    use super::*;

    #[derive(Clone, Debug)]
    pub struct StoredValue {
        pub value: Vec<u8>,
        /// Grows with every write of the key.
        pub revision: u64,
        /// `None` for a value that stays.
        pub expires_at: Option<u64>,
    }

    #[derive(Clone, Debug, Default)]
    pub struct WriteOptions {
        /// Milliseconds until the value is gone.
        pub ttl_ms: Option<u64>,
        /// Writes only over this revision: 0 for a key that must not be there yet.
        pub if_revision: Option<u64>,
    }

    /// `revision` is what is there now; where it was not stored, another's.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Written {
        pub stored: bool,
        pub revision: u64,
    }

    #[derive(Clone, Debug)]
    pub struct StoredEntry {
        pub key: String,
        pub revision: u64,
        pub bytes: u64,
        pub expires_at: Option<u64>,
    }

    pub fn get(key: &str) -> Answered<Option<StoredValue>> {
        let found = ask(user::storage_get, object! { "key": key }, b"")?;
        Ok(found.flag("found").then(|| StoredValue {
            value: answer_body(),
            revision: found.number("revision") as u64,
            expires_at: found.time("expiresAt"),
        }))
    }

    pub fn get_text(key: &str) -> Answered<Option<String>> {
        Ok(get(key)?.map(|found| lossy(found.value)))
    }

    pub fn set(key: &str, value: impl AsRef<[u8]>) -> Answered<Written> {
        set_with(key, value, &WriteOptions::default())
    }

    pub fn set_with(key: &str, value: impl AsRef<[u8]>, options: &WriteOptions) -> Answered<Written> {
        let request = object! { "key": key, "ttlMs": options.ttl_ms, "ifRevision": options.if_revision };
        let written = ask(user::storage_set, request, value.as_ref())?;
        Ok(Written { stored: written.flag("stored"), revision: written.number("revision") as u64 })
    }

    /// False where there was none.
    pub fn delete(key: &str) -> Answered<bool> {
        Ok(ask(user::storage_delete, object! { "key": key }, b"")?.flag("deleted"))
    }

    /// False where there was none, or it had another revision.
    pub fn delete_revision(key: &str, revision: u64) -> Answered<bool> {
        Ok(ask(user::storage_delete, object! { "key": key, "ifRevision": revision }, b"")?.flag("deleted"))
    }

    pub fn list(options: &ListOptions) -> Answered<Page<StoredEntry>> {
        let page = ask(user::storage_list, options.json(), b"")?;
        Ok(Page::of(&page, "keys", |entry| StoredEntry {
            key: entry.text("key"),
            revision: entry.number("revision") as u64,
            bytes: entry.number("bytes") as u64,
            expires_at: entry.time("expiresAt"),
        }))
    }
}

/// A SQLite database of the install's own.
pub mod database {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    pub enum SqlValue {
        Null,
        Number(f64),
        Text(String),
        Blob(Vec<u8>),
    }

    macro_rules! sql_value_of {
        ($($type:ty, $value:ident => $made:expr;)*) => {$(
            impl From<$type> for SqlValue {
                fn from($value: $type) -> SqlValue {
                    $made
                }
            }
        )*};
    }
    sql_value_of! {
        f64, number => SqlValue::Number(number);
        i32, number => SqlValue::Number(number as f64);
        u32, number => SqlValue::Number(number as f64);
        bool, flag => SqlValue::Number(flag as i32 as f64);
        &str, text => SqlValue::Text(text.into());
        String, text => SqlValue::Text(text);
        &[u8], bytes => SqlValue::Blob(bytes.into());
        Vec<u8>, bytes => SqlValue::Blob(bytes);
    }

    impl SqlValue {
        fn json(&self) -> Json {
            match self {
                SqlValue::Null => Json::Null,
                SqlValue::Number(number) => Json::Number(*number),
                SqlValue::Text(text) => Json::Text(text.clone()),
                SqlValue::Blob(bytes) => object! { "base64": base64::encode(bytes) },
            }
        }

        fn of(value: &Json) -> SqlValue {
            match value {
                Json::Number(number) => SqlValue::Number(*number),
                Json::Text(text) => SqlValue::Text(text.clone()),
                Json::Object(_) => SqlValue::Blob(base64::decode(&value.text("base64")).unwrap_or_default()),
                _ => SqlValue::Null,
            }
        }
    }

    /// `params` are those for each `?`, at most 100.
    #[derive(Clone, Debug)]
    pub struct Statement<'a> {
        pub sql: &'a str,
        pub params: &'a [SqlValue],
    }

    impl Statement<'_> {
        fn json(&self) -> Json {
            object! { "sql": self.sql, "params": self.params.iter().map(SqlValue::json).collect::<Vec<_>>() }
        }
    }

    #[derive(Clone, Debug)]
    pub struct StatementResult {
        pub columns: Vec<String>,
        pub rows: Vec<Vec<SqlValue>>,
        pub rows_read: u64,
        pub rows_written: u64,
        /// Whether rows were left out for the quota.
        pub more: bool,
    }

    impl StatementResult {
        fn of(value: &Json) -> StatementResult {
            let row = |row: &Json| row.items().iter().map(SqlValue::of).collect();
            StatementResult {
                columns: value.texts("columns"),
                rows: value.list("rows").iter().map(row).collect(),
                rows_read: value.number("rowsRead") as u64,
                rows_written: value.number("rowsWritten") as u64,
                more: value.flag("more"),
            }
        }
    }

    pub fn query(sql: &str, params: &[SqlValue]) -> Answered<StatementResult> {
        Ok(StatementResult::of(&ask(user::database_query, Statement { sql, params }.json(), b"")?))
    }

    /// All of them, or none; at most 50.
    pub fn transaction(statements: &[Statement]) -> Answered<Vec<StatementResult>> {
        let statements: Vec<Json> = statements.iter().map(Statement::json).collect();
        let value = ask(user::database_transaction, object! { "statements": statements }, b"")?;
        Ok(value.list("results").iter().map(StatementResult::of).collect())
    }
}

/// What may be gone at any time.
pub mod cache {
    use super::*;

    pub fn get(key: &str) -> Answered<Option<Vec<u8>>> {
        let found = ask(user::cache_get, object! { "key": key }, b"")?;
        Ok(found.flag("found").then(answer_body))
    }

    pub fn get_text(key: &str) -> Answered<Option<String>> {
        Ok(get(key)?.map(lossy))
    }

    /// For `ttl_ms` milliseconds, at most a day; five minutes where nothing is said.
    pub fn set(key: &str, value: impl AsRef<[u8]>, ttl_ms: Option<u64>) -> Answered<()> {
        ask(user::cache_set, object! { "key": key, "ttlMs": ttl_ms }, value.as_ref()).map(|_| ())
    }

    pub fn delete(key: &str) -> Answered<bool> {
        Ok(ask(user::cache_delete, object! { "key": key }, b"")?.flag("deleted"))
    }
}

/// Files of the install.
pub mod files {
    use super::*;

    #[derive(Clone, Debug)]
    pub struct StoredFile {
        pub path: String,
        pub bytes: u64,
        pub content_type: String,
        /// Hexadecimal.
        pub sha256: String,
        pub modified_at: u64,
    }

    impl StoredFile {
        fn of(value: &Json) -> StoredFile {
            StoredFile {
                path: value.text("path"),
                bytes: value.number("bytes") as u64,
                content_type: value.text("contentType"),
                sha256: value.text("sha256"),
                modified_at: value.number("modifiedAt") as u64,
            }
        }
    }

    #[derive(Clone, Debug)]
    pub struct FilePiece {
        pub file: StoredFile,
        pub offset: u64,
        pub content: Vec<u8>,
        /// Whether the file goes on behind it.
        pub more: bool,
    }

    /// Replaces the file as a whole.
    pub fn put(path: &str, content: impl AsRef<[u8]>, content_type: Option<&str>) -> Answered<StoredFile> {
        let request = object! { "path": path, "contentType": content_type };
        Ok(StoredFile::of(&ask(user::files_put, request, content.as_ref())?))
    }

    /// A file that is written in pieces; it is in its place once it is finished. Its `id` may be kept and used by a later call.
    pub struct FileWriter {
        pub id: String,
    }

    pub fn begin(path: &str, content_type: Option<&str>) -> Answered<FileWriter> {
        let begun = ask(user::files_begin, object! { "path": path, "contentType": content_type }, b"")?;
        Ok(FileWriter { id: begun.text("id") })
    }

    impl FileWriter {
        fn ask(&self, function: CapabilityFunction, piece: &[u8]) -> Answered<Json> {
            ask(function, object! { "id": self.id.as_str() }, piece)
        }

        /// Bytes that the file has with it.
        pub fn append(&mut self, piece: impl AsRef<[u8]>) -> Answered<u64> {
            Ok(self.ask(user::files_append, piece.as_ref())?.number("bytes") as u64)
        }

        pub fn finish(self) -> Answered<StoredFile> {
            Ok(StoredFile::of(&self.ask(user::files_finish, b"")?))
        }

        pub fn abort(self) -> Answered<bool> {
            Ok(self.ask(user::files_abort, b"")?.flag("aborted"))
        }
    }

    /// Writes a file in pieces; where `pieces` fails, the file is given up.
    pub fn write(
        path: &str,
        content_type: Option<&str>,
        pieces: impl FnOnce(&mut FileWriter) -> Result<()>,
    ) -> Result<StoredFile> {
        let mut writer = begin(path, content_type)?;
        match pieces(&mut writer) {
            Ok(()) => Ok(writer.finish()?),
            Err(error) => {
                writer.abort()?;
                Err(error)
            }
        }
    }

    /// A piece of a file: at most 4 MiB, 1 MiB where no length is given.
    pub fn get(path: &str, offset: u64, length: Option<u64>) -> Answered<Option<FilePiece>> {
        let found = ask(user::files_get, object! { "path": path, "offset": offset, "length": length }, b"")?;
        Ok(found.flag("found").then(|| FilePiece {
            file: StoredFile::of(&found),
            offset: found.number("offset") as u64,
            content: answer_body(),
            more: found.flag("more"),
        }))
    }

    pub fn head(path: &str) -> Answered<Option<StoredFile>> {
        let found = ask(user::files_head, object! { "path": path }, b"")?;
        Ok(found.flag("found").then(|| StoredFile::of(&found)))
    }

    pub fn list(options: &ListOptions) -> Answered<Page<StoredFile>> {
        Ok(Page::of(&ask(user::files_list, options.json(), b"")?, "files", StoredFile::of))
    }

    pub fn delete(path: &str) -> Answered<bool> {
        Ok(ask(user::files_delete, object! { "path": path }, b"")?.flag("deleted"))
    }
}

/// Services of other plugins, which run under their own grants.
pub mod services {
    use super::*;

    /// The service's output where that is JSON, otherwise null.
    pub fn call(service: &str, input: Json) -> Answered<Json> {
        let answer = ask(user::services_call, object! { "service": service, "input": input }, b"")?;
        Ok(answer.get("output").cloned().unwrap_or(Json::Null))
    }

    /// Input and output as they are.
    pub fn call_bytes(service: &str, input: &[u8]) -> Answered<Vec<u8>> {
        ask(user::services_call, object! { "service": service }, input).map(|_| answer_body())
    }
}

pub mod events {
    use super::*;

    #[derive(Clone, Debug)]
    pub struct Published {
        pub id: String,
        pub subscribers: u32,
    }

    /// Publishes to a topic that the manifest names. Under one `id` within a day, a subscriber that has run does not run again.
    pub fn publish(topic: &str, data: impl Into<Json>, id: Option<&str>) -> Answered<Published> {
        let published = ask(user::events_publish, object! { "topic": topic, "id": id, "data": data.into() }, b"")?;
        Ok(Published { id: published.text("id"), subscribers: published.number("subscribers") as u32 })
    }
}

/// Digests, signatures and encryption, with keys that the platform holds.
pub mod crypto {
    use super::*;

    pub const SHA256: &str = "sha256";
    pub const SHA384: &str = "sha384";
    pub const SHA512: &str = "sha512";
    pub const HMAC_SHA256: &str = "hmac-sha256";
    pub const ED25519: &str = "ed25519";
    pub const ECDSA_P256: &str = "ecdsa-p256";
    pub const AES_256_GCM: &str = "aes-256-gcm";

    #[derive(Clone, Debug)]
    pub struct Digest {
        pub hex: String,
        pub bytes: Vec<u8>,
    }

    #[derive(Clone, Debug)]
    pub struct KeyHead {
        pub name: String,
        pub kind: String,
        pub created_at: u64,
        /// JWK of a pair's public half.
        pub public_key: Option<Json>,
    }

    impl KeyHead {
        fn of(value: &Json, name: String) -> KeyHead {
            let created_at = value.number("createdAt") as u64;
            KeyHead { name, kind: value.text("kind"), created_at, public_key: value.get("publicKey").cloned() }
        }
    }

    /// What a signature is checked with.
    #[derive(Clone, Debug)]
    pub enum VerifyWith<'a> {
        /// A key of the install.
        Key(&'a str),
        /// A public key as JWK.
        PublicKey(Json),
        /// A shared secret, for HMAC with this algorithm.
        Secret(&'a [u8], &'a str),
    }

    /// `algorithm` is one of the three SHA above.
    pub fn digest(algorithm: &str, content: impl AsRef<[u8]>) -> Answered<Digest> {
        let value = ask(user::crypto_digest, object! { "algorithm": algorithm }, content.as_ref())?;
        Ok(Digest { hex: value.text("hex"), bytes: answer_body() })
    }

    /// HMAC under a secret of the plugin's own.
    pub fn hmac(algorithm: &str, secret: &[u8], content: impl AsRef<[u8]>) -> Answered<Digest> {
        let request = object! { "algorithm": algorithm, "secret": base64::encode(secret) };
        let value = ask(user::crypto_hmac, request, content.as_ref())?;
        Ok(Digest { hex: value.text("hex"), bytes: answer_body() })
    }

    /// At most 65,536.
    pub fn random(bytes: u32) -> Answered<Vec<u8>> {
        ask(user::crypto_random, object! { "bytes": bytes }, b"").map(|_| answer_body())
    }

    /// Makes a key where there is none of the name; true where it did.
    pub fn create_key(name: &str, kind: &str) -> Answered<(KeyHead, bool)> {
        let value = ask(user::crypto_key_create, object! { "name": name, "kind": kind }, b"")?;
        Ok((KeyHead::of(&value, name.into()), value.flag("created")))
    }

    pub fn get_key(name: &str) -> Answered<Option<KeyHead>> {
        let found = ask(user::crypto_key_get, object! { "name": name }, b"")?;
        Ok(found.flag("found").then(|| KeyHead::of(&found, name.into())))
    }

    pub fn list_keys() -> Answered<Vec<KeyHead>> {
        let value = ask(user::crypto_key_list, object! {}, b"")?;
        Ok(value.list("keys").iter().map(|key| KeyHead::of(key, key.text("name"))).collect())
    }

    pub fn delete_key(name: &str) -> Answered<bool> {
        Ok(ask(user::crypto_key_delete, object! { "name": name }, b"")?.flag("deleted"))
    }

    pub fn sign(key: &str, content: impl AsRef<[u8]>) -> Answered<Vec<u8>> {
        ask(user::crypto_sign, object! { "key": key }, content.as_ref()).map(|_| answer_body())
    }

    pub fn verify(content: impl AsRef<[u8]>, signature: &[u8], using: VerifyWith) -> Answered<bool> {
        let signature = base64::encode(signature);
        let request = match using {
            VerifyWith::Key(name) => object! { "signature": signature, "key": name },
            VerifyWith::PublicKey(jwk) => object! { "signature": signature, "publicKey": jwk },
            VerifyWith::Secret(secret, algorithm) => {
                object! { "signature": signature, "secret": base64::encode(secret), "algorithm": algorithm }
            }
        };
        Ok(ask(user::crypto_verify, request, content.as_ref())?.flag("valid"))
    }

    pub fn encrypt(key: &str, content: impl AsRef<[u8]>, additional_data: Option<&[u8]>) -> Answered<Vec<u8>> {
        let request = object! { "key": key, "additionalData": additional_data.map(base64::encode) };
        ask(user::crypto_encrypt, request, content.as_ref()).map(|_| answer_body())
    }

    pub fn decrypt(key: &str, sealed: &[u8], additional_data: Option<&[u8]>) -> Answered<Vec<u8>> {
        let request = object! { "key": key, "additionalData": additional_data.map(base64::encode) };
        ask(user::crypto_decrypt, request, sealed).map(|_| answer_body())
    }
}

pub mod webhooks {
    use super::*;

    #[derive(Clone, Debug, Default)]
    pub struct Webhook<'a> {
        pub url: &'a str,
        pub event: &'a str,
        /// The plugin's own: sent again under the same id, it is sent once.
        pub id: Option<&'a str>,
        /// `application/json` where nothing is said.
        pub content_type: Option<&'a str>,
    }

    #[derive(Clone, Debug)]
    pub struct Sent {
        pub id: String,
        pub queued: bool,
    }

    /// Sends a signed POST at least once. The answer says that it is written down, not that it arrived.
    pub fn send(webhook: &Webhook, body: &str) -> Answered<Sent> {
        let Webhook { url, event, id, content_type } = *webhook;
        let request = object! { "url": url, "event": event, "id": id, "contentType": content_type };
        let sent = ask(user::webhooks_send, request, body.as_bytes())?;
        Ok(Sent { id: sent.text("id"), queued: sent.flag("queued") })
    }
}

/// Metrics of the plugin's own, stored after the call.
pub mod analytics {
    use super::*;

    #[derive(Clone, Debug)]
    pub struct Metric<'a> {
        pub name: &'a str,
        /// `counter`, `gauge` or `histogram`.
        pub kind: &'a str,
        pub value: f64,
        pub labels: &'a [(&'a str, &'a str)],
    }

    pub fn record(metrics: &[Metric]) -> Answered<()> {
        let point = |metric: &Metric| {
            let labels = Json::object(metric.labels.iter().map(|&(name, value)| (name, value.into())));
            object! { "name": metric.name, "kind": metric.kind, "value": metric.value, "labels": labels }
        };
        let points: Vec<Json> = metrics.iter().map(point).collect();
        ask(user::analytics_record, object! { "points": points }, b"").map(|_| ())
    }

    macro_rules! kinds {
        ($($function:ident $kind:literal),*) => {$(
            pub fn $function(name: &str, value: f64, labels: &[(&str, &str)]) -> Answered<()> {
                record(&[Metric { name, kind: $kind, value, labels }])
            }
        )*};
    }
    kinds!(count "counter", gauge "gauge", observe "histogram");
}

/// What the platform wrote down about the plugin.
pub mod security {
    use super::*;

    #[derive(Clone, Debug, Default)]
    pub struct LogOptions<'a> {
        /// `security`, where nothing is said, or `audit`.
        pub log: Option<&'a str>,
        /// Number of the last one of the page before.
        pub before: Option<u64>,
        /// At most 100.
        pub limit: Option<u32>,
    }

    /// Newest first.
    pub fn events(options: &LogOptions) -> Answered<Page<Json>> {
        let request = object! { "log": options.log, "before": options.before, "limit": options.limit };
        Ok(Page::of(&ask(user::security_events, request, b"")?, "events", Json::clone))
    }

    /// `severity` is `info`, `notice`, `warning` or `error`. The finding's id in the tenant's event log.
    pub fn raise(severity: &str, title: &str, detail: Option<&str>) -> Answered<String> {
        let request = object! { "severity": severity, "title": title, "detail": detail };
        Ok(ask(user::security_raise, request, b"")?.text("id"))
    }
}

pub mod oauth {
    use super::*;

    #[derive(Clone, Debug)]
    pub struct AccessToken {
        pub access_token: String,
        pub token_type: String,
        pub expires_at: u64,
        pub scopes: Vec<String>,
    }

    /// Of a client that the tenant registered; no `scopes` for those it is registered with.
    pub fn token(provider: &str, scopes: &[&str]) -> Answered<AccessToken> {
        let scopes = if scopes.is_empty() { None } else { Some(scopes.to_vec()) };
        let value = ask(user::oauth_token, object! { "provider": provider, "scopes": scopes }, b"")?;
        Ok(AccessToken {
            access_token: value.text("accessToken"),
            token_type: value.text("tokenType"),
            expires_at: value.number("expiresAt") as u64,
            scopes: value.texts("scopes"),
        })
    }
}

pub mod base64 {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// RFC 4648 §4, padded.
    pub fn encode(bytes: &[u8]) -> String {
        let mut text = String::with_capacity((bytes.len() + 2) / 3 * 4);
        for group in bytes.chunks(3) {
            let word = group.iter().enumerate().fold(0u32, |word, (at, &byte)| word | (byte as u32) << (16 - 8 * at));
            for at in 0..4 {
                let digit = ALPHABET[(word >> (18 - 6 * at)) as usize & 63] as char;
                text.push(if at <= group.len() { digit } else { '=' });
            }
        }
        text
    }

    /// `None` for what is not padded Base64.
    pub fn decode(text: &str) -> Option<Vec<u8>> {
        let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text).as_bytes();
        if text.len() % 4 != 0 {
            return None;
        }
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
        for group in digits.chunks(4) {
            let mut word = 0u32;
            for (at, digit) in group.iter().enumerate() {
                word |= (ALPHABET.iter().position(|known| known == digit)? as u32) << (18 - 6 * at);
            }
            bytes.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
        }
        Some(bytes)
    }
}

/// A JSON value. Of members with one name the last counts; numbers are those of JavaScript.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// A [`Json`] object: `object! { "id": 1, "name": name, "note": None::<&str> }`. What is `None` is left out.
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut members: Vec<(String, $crate::patchbay::Json)> = Vec::new();
        $($crate::patchbay::Member::add($value, $name, &mut members);)*
        $crate::patchbay::Json::Object(members)
    }};
}
pub(crate) use object;

/// What may be a member of an [`object!`].
pub trait Member {
    fn add(self, name: &str, members: &mut Vec<(String, Json)>);
}

impl Member for Json {
    fn add(self, name: &str, members: &mut Vec<(String, Json)>) {
        members.push((name.to_owned(), self));
    }
}

impl<T: Into<Json>> Member for Vec<T> {
    fn add(self, name: &str, members: &mut Vec<(String, Json)>) {
        Json::from(self).add(name, members);
    }
}

impl<T: Into<Json>> Member for Option<T> {
    fn add(self, name: &str, members: &mut Vec<(String, Json)>) {
        if let Some(value) = self {
            value.into().add(name, members);
        }
    }
}

macro_rules! json_of {
    ($($type:ty, $value:ident => $made:expr;)*) => {$(
        impl From<$type> for Json {
            fn from($value: $type) -> Json {
                $made
            }
        }

        impl Member for $type {
            fn add(self, name: &str, members: &mut Vec<(String, Json)>) {
                Json::from(self).add(name, members);
            }
        }
    )*};
}
json_of! {
    bool, flag => Json::Bool(flag);
    f64, number => Json::Number(number);
    i32, number => Json::Number(number as f64);
    u16, number => Json::Number(number as f64);
    u32, number => Json::Number(number as f64);
    i64, number => Json::Number(number as f64);
    u64, number => Json::Number(number as f64);
    usize, number => Json::Number(number as f64);
    &str, text => Json::Text(text.to_owned());
    String, text => Json::Text(text);
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(items: Vec<T>) -> Json {
        Json::List(items.into_iter().map(Into::into).collect())
    }
}

impl Json {
    /// Text by RFC 8259. The error says what is wrong and where, in bytes.
    pub fn parse(text: &str) -> std::result::Result<Json, JsonError> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let value = reader.value()?;
        reader.skip_space();
        if reader.at < text.len() {
            return Err(reader.wrong("expected the end"));
        }
        Ok(value)
    }

    pub fn object<'a>(members: impl Iterator<Item = (&'a str, Json)>) -> Json {
        Json::Object(members.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Json::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// Empty for what is no list.
    pub fn items(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            _ => &[],
        }
    }

    // Members of the platform's answers, whose shapes are its contract.

    fn text(&self, name: &str) -> String {
        self.get(name).map(Json::to_text).unwrap_or_default()
    }

    fn to_text(&self) -> String {
        self.as_str().unwrap_or_default().to_owned()
    }

    fn number(&self, name: &str) -> f64 {
        self.get(name).and_then(Json::as_f64).unwrap_or_default()
    }

    fn time(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(Json::as_f64).map(|time| time as u64)
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Json::as_bool).unwrap_or_default()
    }

    fn list(&self, name: &str) -> &[Json] {
        self.get(name).map(Json::items).unwrap_or_default()
    }

    fn texts(&self, name: &str) -> Vec<String> {
        self.list(name).iter().map(Json::to_text).collect()
    }

    fn fields(&self, name: &str) -> &[(String, Json)] {
        match self.get(name) {
            Some(Json::Object(members)) => members,
            _ => &[],
        }
    }
}

/// JSON text. Numbers that JSON does not have are null.
impl Display for Json {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Json::Null => out.write_str("null"),
            Json::Bool(flag) => write!(out, "{}", flag),
            Json::Number(number) if !number.is_finite() => out.write_str("null"),
            Json::Number(number) => write!(out, "{}", number),
            Json::Text(text) => write_text(out, text),
            Json::List(items) => {
                out.write_char('[')?;
                for (at, item) in items.iter().enumerate() {
                    write!(out, "{}{}", if at == 0 { "" } else { "," }, item)?;
                }
                out.write_char(']')
            }
            Json::Object(members) => {
                out.write_char('{')?;
                for (at, (name, value)) in members.iter().enumerate() {
                    out.write_str(if at == 0 { "" } else { "," })?;
                    write_text(out, name)?;
                    write!(out, ":{}", value)?;
                }
                out.write_char('}')
            }
        }
    }
}

fn write_text(out: &mut fmt::Formatter, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate().filter(|&(_, byte)| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.write_str(&text[written..at])?;
        match byte {
            b'"' | b'\\' => write!(out, "\\{}", byte as char)?,
            _ => write!(out, "\\u{:04x}", byte)?,
        }
        written = at + 1;
    }
    out.write_str(&text[written..])?;
    out.write_char('"')
}

/// What is wrong with a JSON text, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonError {
    pub wrong: &'static str,
    pub at: usize,
}

impl Display for JsonError {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{} at byte {}", self.wrong, self.at)
    }
}

impl std::error::Error for JsonError {}

type Read<T> = std::result::Result<T, JsonError>;

const DEEPEST: u32 = 128;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl Reader<'_> {
    fn wrong(&self, wrong: &'static str) -> JsonError {
        JsonError { wrong, at: self.at }
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn accept(&mut self, token: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(token.as_bytes());
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Read<Json> {
        self.skip_space();
        match self.peek() {
            b'{' => self.nested(b'}', Vec::new(), Json::Object, |reader, members| {
                reader.skip_space();
                if reader.peek() != b'"' {
                    return Err(reader.wrong("expected a name"));
                }
                let name = reader.string()?;
                reader.skip_space();
                if !reader.accept(":") {
                    return Err(reader.wrong("expected a colon"));
                }
                members.push((name, reader.value()?));
                Ok(())
            }),
            b'[' => self.nested(b']', Vec::new(), Json::List, |reader, items| {
                items.push(reader.value()?);
                Ok(())
            }),
            b'"' => self.string().map(Json::Text),
            b'-' | b'0'..=b'9' => self.number(),
            _ if self.accept("null") => Ok(Json::Null),
            _ if self.accept("true") => Ok(Json::Bool(true)),
            _ if self.accept("false") => Ok(Json::Bool(false)),
            _ => Err(self.wrong("expected a value")),
        }
    }

    fn nested<T>(
        &mut self,
        end: u8,
        mut parts: Vec<T>,
        whole: fn(Vec<T>) -> Json,
        part: fn(&mut Self, &mut Vec<T>) -> Read<()>,
    ) -> Read<Json> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("nested too deeply"));
        }
        self.skip_space();
        while self.peek() != end || !parts.is_empty() {
            part(self, &mut parts)?;
            self.skip_space();
            if self.peek() == end {
                break;
            }
            if !self.accept(",") {
                return Err(self.wrong("expected a comma or the end"));
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(whole(parts))
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start {
            Err(self.wrong("expected a digit"))
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Read<Json> {
        let start = self.at;
        self.accept("-");
        if !self.accept("0") {
            self.digits()?;
        }
        if self.accept(".") {
            self.digits()?;
        }
        if self.accept("e") || self.accept("E") {
            let _sign = self.accept("+") || self.accept("-");
            self.digits()?;
        }
        self.text[start..self.at].parse().map(Json::Number).map_err(|_| self.wrong("expected a number"))
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), b'"' | b'\\' | 0..=0x1f) {
                self.at += 1;
            }
            string.push_str(&self.text[start..self.at]);
            match self.peek() {
                b'"' => break,
                b'\\' => string.push(self.escape()?),
                _ => return Err(self.wrong("expected the end of a text")),
            }
        }
        self.at += 1;
        Ok(string)
    }

    /// A half of a surrogate pair without the other becomes U+FFFD, since Rust's text has none.
    fn escape(&mut self) -> Read<char> {
        self.at += 1;
        let escaped = self.peek();
        self.at += 1;
        Ok(match escaped {
            b'"' | b'\\' | b'/' => escaped as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                let behind = self.at;
                if (0xd800..0xdc00).contains(&first) && self.accept("\\u") {
                    let second = self.hex()?;
                    if (0xdc00..0xe000).contains(&second) {
                        let pair = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                        return Ok(char::from_u32(pair).unwrap_or('\u{fffd}'));
                    }
                    self.at = behind;
                }
                char::from_u32(first).unwrap_or('\u{fffd}')
            }
            _ => {
                self.at -= 1;
                return Err(self.wrong("no such escape"));
            }
        })
    }

    fn hex(&mut self) -> Read<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.wrong("expected four hexadecimal digits"));
        }
        self.at += 4;
        Ok(digits.iter().fold(0, |value, &digit| value * 16 + (digit as char).to_digit(16).unwrap_or(0)))
    }
}
