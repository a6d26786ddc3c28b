export { inputBytes, inputText } from "./input";
export { outputBytes, outputText } from "./output";
export { config } from "./config";
export { varBytes, varText, setVarBytes, setVarText, deleteVar } from "./vars";
export { log } from "./log";
export { setError, fail, onAbort } from "./error";
export { firstInvalidUtf8 } from "./utf8";
