// Compiled as a command: it has a main, and the linker wraps every export so that constructors run before it and
// destructors after it.
#include "../c-abi/extism.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int constructed;

__attribute__((constructor)) static void construct(void) { constructed++; }
__attribute__((destructor)) static void destroy(void) { printf("destroyed\n"); }

static void at_exit(void) { printf("at exit\n"); }

EXPORT("echo") int32_t echo(void) {
  static uint8_t input[4096];
  put_output(input, read_input(input, sizeof input));
  return 0;
}

EXPORT("count_constructions") int32_t count_constructions(void) {
  atexit(at_exit);
  char text[32];
  put_output(text, (uint32_t)snprintf(text, sizeof text, "%d", constructed));
  return 0;
}

// Neither atexit functions nor destructors run.
EXPORT("give_up") int32_t give_up(void) {
  atexit(at_exit);
  abort();
}

int main(int argc, char **argv) {
  (void)argv;
  char input[64] = {0};
  read_input((uint8_t *)input, sizeof input - 1);
  printf("%d arguments\n", argc);
  put_output(input, (uint32_t)strlen(input));
  return input[0] == 0 ? 5 : 0;
}
