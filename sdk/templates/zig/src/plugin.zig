const std = @import("std");
const patchbay = @import("patchbay.zig");

pub const panic = patchbay.panic;

export fn greet() i32 {
    return patchbay.run(greeting);
}

export fn visit() i32 {
    return patchbay.run(countVisit);
}

const Person = struct { name: []const u8 };
const Greeting = struct { text: []const u8 };

/// `{"name": "Ada"}` to `{"text": "Hello, Ada!"}`, with the word that is configured.
fn greeting() !Greeting {
    const person = try patchbay.inputJson(Person);
    const word = try patchbay.config("greeting") orelse "Hello";
    return .{ .text = try patchbay.print("{s}, {s}!", .{ word, person.name }) };
}

/// How often it was called, kept in the install's storage.
fn countVisit() !u32 {
    const found = try patchbay.storage.get("visits");
    const visits = if (found) |kept| try std.fmt.parseInt(u32, kept.value, 10) else 0;
    _ = try patchbay.storage.set("visits", try patchbay.print("{d}", .{visits + 1}), .{});
    return visits + 1;
}
