/* Reads and frees an answer. */
PATCHBAY_API patchbay_answer patchbay_answered(uint64_t handle) {
  patchbay_answer answer = {false, patchbay_nothing, patchbay_nothing, patchbay_nothing};
  if (handle == 0) {
    answer.code = patchbay_text("KERNEL_MEMORY_EXCEEDED");
    answer.message = patchbay_text("The answer does not fit into the memory.");
    return answer;
  }
  patchbay_bytes json = patchbay_take(handle);
  patchbay_bytes error = patchbay_get(json, "error");
  if (error.data == NULL) {
    answer.ok = true;
    answer.value = patchbay_get(json, "value");
    return answer;
  }
  answer.code = patchbay_get_text(error, "code");
  answer.message = patchbay_get_text(error, "message");
  return answer;
}
