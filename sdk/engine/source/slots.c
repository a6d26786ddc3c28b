#include "slots.h"
#include "memory.h"

// Linked last, so that these are the last imports of the engine. The packer knows them by this module's name.
#define SLOT(index) __attribute__((import_module("patchbay:slot"), import_name(#index))) void slot_##index(void);
#define EACH(X) \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) \
  X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) \
  X(32) X(33) X(34) X(35) X(36) X(37) X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) X(46) X(47) \
  X(48) X(49) X(50) X(51) X(52) X(53) X(54) X(55) X(56) X(57) X(58) X(59) X(60) X(61) X(62) X(63)
EACH(SLOT)
#define ADDRESS(index) slot_##index,
slot_function volatile slot_functions[SLOTS] = {EACH(ADDRESS)};

slot_declaration slot_declarations[SLOTS];
int32_t slots_declared;

uint64_t call_slot(int32_t slot, const uint64_t arguments[SLOT_PARAMETERS]) {
  slot_function function = slot_functions[slot];
  // A slot that is not packed yet has no type of its own; the builder refuses the call.
  if (building) {
    function();
    return 0;
  }
  const slot_declaration *declared = &slot_declarations[slot];
  uint64_t first = arguments[0], second = arguments[1];
  switch (declared->parameters * 2 + declared->results) {
  case 0: function(); return 0;
  case 1: return ((uint64_t(*)(void))function)();
  case 2: ((void (*)(uint64_t))function)(first); return 0;
  case 3: return ((uint64_t(*)(uint64_t))function)(first);
  case 4: ((void (*)(uint64_t, uint64_t))function)(first, second); return 0;
  default: return ((uint64_t(*)(uint64_t, uint64_t))function)(first, second);
  }
}
