// Host functions that a plugin declares while it is built. Each is an import of the engine that is only reached through a pointer,
// so the packer can give those in use their names and types, and make the others local, without renumbering a function.
#pragma once
#include <stdint.h>

enum { SLOTS = 64, SLOT_NAME = 64, SLOT_PARAMETERS = 2 };

typedef void (*slot_function)(void);
extern slot_function volatile slot_functions[SLOTS];

typedef struct {
  char module[SLOT_NAME];
  char name[SLOT_NAME];
  int32_t parameters; // each i64, at most SLOT_PARAMETERS
  int32_t results;    // 0, or 1: i64
} slot_declaration;

extern slot_declaration slot_declarations[SLOTS];
extern int32_t slots_declared;

// Calls a declared function. The result is 0 where it has none.
uint64_t call_slot(int32_t slot, const uint64_t arguments[SLOT_PARAMETERS]);
